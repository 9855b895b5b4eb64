/** Leaves out the tests that Linux cannot do: those of cannot.json, with their reasons. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { beforeEach } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const cannot = JSON.parse(readFileSync(join(import.meta.dirname, 'cannot.json'), 'utf8')) as Record<
  string,
  string
>;

/** Engines are the machine's: what stands behind the name of a group in brackets. */
const ENGINE = / \((?:wasm|interpreter)\)/;

beforeEach(({ task, skip }) => {
  const file = relative(ROOT, task.file.filepath);
  const name = task.fullTestName.replace(ENGINE, '');
  const reason = cannot[file] ?? cannot[`${file} > ${name}`];
  if (reason) skip(reason);
});
