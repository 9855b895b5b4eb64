import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { findTree } from '../../scripts/generate-abi.mjs';
import { hasTool } from '../fixtures/read.ts';

const tree = findTree(process.env['BEEYARD_KERNEL_TREE']);
const ready = tree !== undefined && hasTool('clang-19') && existsSync('dist/btf/index.js');

test.runIf(ready)('the facts of sched_ext are what the kernel source says', () => {
  const args = ['scripts/generate-sched-ext.mjs', '--check', '--tree', tree!];
  expect(() => execFileSync('node', args, { stdio: 'pipe' })).not.toThrow();
});
