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
    layer('util-is-the-bottom', '^src/util/', '^src/(?!util/)', 'util imports nothing of the rest'),
    layer('core-stands-on-util', '^src/core/', '^src/(?!util/|core/)'),
    layer('config-and-telemetry-stand-on-core', '^src/(config|telemetry)/', '^src/(?!util/|core/|config/|telemetry/)'),
    layer('formats-stand-on-config', '^src/formats/', '^src/(?!util/|core/|config/|formats/)'),
    layer('http-stands-on-config', '^src/http/', '^src/(?!util/|core/|config/|telemetry/|http/)'),
    layer(
      'operators-stand-on-formats',
      '^src/operators/',
      '^src/(?!util/|core/|config/|telemetry/|formats/|operators/)',
    ),
    layer(
      'connectors-stand-on-operators',
      '^src/connectors/',
      '^src/(?!util/|core/|config/|telemetry/|formats/|operators/|connectors/)',
    ),
    layer(
      'lookup-dead-letters-and-resources-stand-on-connectors',
      '^src/(lookup|dead-letters|resources)/',
      '^src/(main\\.ts|http|services|tools|commands|sandbox|testing)',
    ),
    layer('services-compose-parts', '^src/services/', '^src/(main\\.ts|tools|commands|sandbox|testing)'),
    layer('tools-stand-on-services', '^src/tools/', '^src/(main\\.ts|commands)'),
    layer('commands-are-the-top', '^src/(?!main\\.ts|launch\\.mjs|commands/)', '^src/(main\\.ts|commands/)'),
    {
      name: 'sandbox-is-not-the-product',
      severity: 'error',
      from: { path: '^src/(?!sandbox/|commands/(sandbox|demo)|tools/demo/)', pathNot: `${TESTS}|^src/testing/` },
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
      name: 'entries-are-for-users',
      comment: 'an index.ts lists what the package exports: inside, each file is imported by its own name',
      severity: 'error',
      from: { path: '^(src|e2e|bench)/' },
      to: { path: '^src/.*/index\\.ts$' },
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
