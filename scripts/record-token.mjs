#!/usr/bin/env node
/**
 * Writes tests/fixtures/oracle/token-6.12.117.json: what a real Linux 6.12.117 in QEMU answers to the
 * cases of scripts/vm/token-cases.mjs, about users, user namespaces and BPF tokens. Takes a minute.
 *
 *   node scripts/record-token.mjs
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findImage, RELEASE } from './abi/image.mjs';
import { fail, root } from './lib.mjs';
import { initramfs } from './vm/initramfs.mjs';
import { missingTools } from './vm/machine.mjs';
import { CASES } from './vm/token-cases.mjs';

const OUTPUT = join(root, 'tests', 'fixtures', 'oracle', 'token-6.12.117.json');
const SECONDS = 400;
const QEMU =
  'qemu-system-x86_64 -machine q35 -accel tcg -cpu max -smp 1 -m 1024 -nodefaults ' +
  '-display none -no-reboot -serial stdio';
const WORDS =
  'no_timer_check console=ttyS0 quiet loglevel=0 panic=-1 rdinit=/init lsm=lockdown,capability,bpf';

const missing = missingTools();
if (missing) fail(missing, 4);
const folder = mkdtempSync(join(tmpdir(), 'beeyard-token-'));
try {
  const said = boot(folder);
  const answers = [...said.matchAll(/^R (-?\d+) (.*)$/gm)].map(([, result, text]) =>
    answer(result, text),
  );
  const count = Object.values(CASES).flat().length;
  if (!said.includes('DONE') || answers.length !== count) {
    fail(`${answers.length} answers to ${count} steps; the machine said:\n${said.slice(-2000)}`, 1);
  }
  const cases = Object.entries(CASES).map(([name, steps]) => ({
    name,
    steps: steps.map((step) => [step, answers.shift()]),
  }));
  const about =
    'What Linux 6.12.117 answers to steps of actors with different rights: 0 or a negative errno, or ' +
    'text (| ends lines, > is a tab). Made by scripts/record-token.mjs.';
  const lines = cases.map((one) => `  ${JSON.stringify(one)}`).join(',\n');
  writeFileSync(OUTPUT, `{\n "about": ${JSON.stringify(about)},\n "cases": [\n${lines}\n ]\n}\n`);
  process.stdout.write(`${OUTPUT}: ${cases.length} cases, ${count} steps\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function answer(result, text) {
  const words = text.trim();
  return words === '' || Number(result) < 0 ? Number(result) : words;
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26, ...options });
  if (result.error || result.status !== 0) fail(`${command}: ${result.error ?? result.stderr}`, 1);
  return result.stdout;
}

function boot(scratch) {
  const init = join(scratch, 'init');
  const source = join(root, 'scripts', 'vm', 'token.c');
  run('gcc', ['-static', '-O1', '-Wall', '-o', init, source]);
  const steps = Object.values(CASES).map((all) => `case\n${all.join('\n')}\n`);
  const files = { init: readFileSync(init), steps: Buffer.from(steps.join('')) };
  const initrd = join(scratch, 'initrd');
  writeFileSync(initrd, initramfs(files));
  const image = join(findImage() ?? fail(`no kernel ${RELEASE}`, 4), 'boot');
  const kernel = readdirSync(image).find((name) => name.startsWith('vmlinuz-'));
  const [command, ...args] = QEMU.split(' ');
  const given = ['-kernel', join(image, kernel), '-initrd', initrd, '-append', WORDS];
  const options = { timeout: SECONDS * 1000, stdio: ['ignore', 'pipe', 'inherit'] };
  return run(command, [...args, ...given], options).replaceAll('\r', '');
}
