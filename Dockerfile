# One container runs one pipeline: docker run -e PIPELINE=ingestion …
FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
ENV PIPELINE=ingestion
ENV HTTP_ADDRESS_FILE=/tmp/dataflow-address
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY src ./src
COPY pipelines ./pipelines
# Compiled once, by the user that runs it: services take 18 MB less, also where the file system is read-only. Another user
# fills a cache of its own with its first start.
RUN mkdir -m 1777 node_modules/.cache
USER node
RUN node src/launch.mjs compile
# Where neither HTTP_PORT nor PORT, which Cloud Run sets, says otherwise.
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["node", "src/healthcheck.mjs"]
# No shell and no npm between the runtime and the process: SIGTERM reaches it.
CMD ["node", "src/launch.mjs", "run"]
