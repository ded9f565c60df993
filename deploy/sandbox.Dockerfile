# The local cloud of docs/sandbox.md, for deploy/compose.yaml. It also runs `provision`.
#     docker build -f deploy/sandbox.Dockerfile -t dataflow-sandbox .
FROM node:24-slim
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# With development dependencies: the sandbox's servers are some of them.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY src ./src
COPY pipelines ./pipelines
USER node
ENV SANDBOX_HOST=0.0.0.0
# MQTT, Pub/Sub, Firestore, Cloud Storage, BigQuery; Redis is not installed; the control endpoint.
EXPOSE 9100 9101 9102 9103 9104 9106
CMD ["node", "src/launch.mjs", "sandbox", "--ports", "9100"]
