import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CAPABILITIES } from '../../src/security/index.ts';

const tree = process.env['BEEYARD_KERNEL_TREE'] ?? '';
const header = join(tree, 'include', 'uapi', 'linux', 'capability.h');

it.runIf(tree !== '' && existsSync(header))('capabilities are those of the kernel', () => {
  const found = readFileSync(header, 'utf8').matchAll(/^#define (CAP_[A-Z_]+)\s+(\d+)$/gm);
  const numbers = [...found].map(([, name, number]) => [name, Number(number)]);
  expect(CAPABILITIES.map((name, number) => [name, number])).toEqual(numbers);
});
