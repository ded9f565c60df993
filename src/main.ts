#!/usr/bin/env node
import './v8-options.ts';
import { EXIT } from './commands/exit-codes.ts';
import { createProgram } from './commands/program.ts';
import { takenByNpm } from './commands/taken-by-npm.ts';

const program = createProgram();
const exitByCode = ({ exitCode }: { readonly exitCode: number }) =>
  process.exit(exitCode === 0 ? EXIT.clean : EXIT.configurationRefused);
for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)]) {
  command.exitOverride(exitByCode);
}

// The reader may have seen enough (`… | head`), or the terminal was closed: work continues without a reader.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE' || error.code === 'EIO') return;
  console.error(`standard output cannot be written: ${error.message}`);
  process.exit(EXIT.failed);
});
// A failing standard error does not end the process.
process.stderr.on('error', () => {});

const taken = takenByNpm(program, process.argv.slice(2), process.env);
if (taken !== undefined) {
  console.error(taken);
  process.exit(EXIT.configurationRefused);
}

try {
  await program.parseAsync();
} catch (thrown) {
  console.error(thrown);
  process.exit(EXIT.failed);
}
