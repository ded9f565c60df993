/** Tests, and the contracts that they run on more than one server. */
const TESTS = '\\.(test|contract)\\.ts$';

/** The folders are the architecture: imports go one way (docs/architecture.md), and never in a circle. */
const layer = (name, from, to, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from, pathNot: TESTS },
  to: { path: to },
});

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    layer('core-is-the-bottom', '^src/core/', '^src/(?!core/)', 'core imports nothing of the rest'),
    layer('config-and-telemetry-stand-on-core', '^src/(config|telemetry)/', '^src/(?!core/|config/|telemetry/)'),
    layer('clients-stand-on-core', '^src/clients/', '^src/(?!core/|config/|telemetry/|clients/)'),
    layer(
      'parts-stand-on-clients',
      '^src/(sources|operators|caches|sinks|http)/',
      '^src/(main\\.ts|commands|services|sandbox|testing)',
    ),
    layer('services-compose-parts', '^src/services/', '^src/(main\\.ts|commands|sandbox|testing)'),
    layer('commands-are-the-top', '^src/(?!main\\.ts|launch\\.mjs|commands/)', '^src/(main\\.ts|commands/)'),
    {
      name: 'sandbox-is-not-the-product',
      severity: 'error',
      from: { path: '^src/(?!sandbox/|commands/(sandbox|demo))', pathNot: `${TESTS}|^src/testing/` },
      to: { path: '^src/sandbox/' },
    },
    layer(
      'sandbox-stands-alone',
      '^src/sandbox/',
      '^src/(?!sandbox/)',
      'the judge must not share code with the judged',
    ),
    {
      name: 'tests-stay-tests',
      severity: 'error',
      from: { path: '^src/', pathNot: `${TESTS}|^src/testing/` },
      to: { path: `^(e2e|bench)/|^src/testing/|${TESTS}` },
    },
    {
      name: 'not-to-dev-dep',
      severity: 'error',
      from: { path: '^src/', pathNot: `${TESTS}|^src/(testing|sandbox)/` },
      to: { dependencyTypes: ['npm-dev'], pathNot: 'node_modules/@types/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
