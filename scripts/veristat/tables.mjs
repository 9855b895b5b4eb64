/** Tables of the selftests' objects: veristat's on a real Linux 6.12, and `beeyard ci`'s. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kernelTree } from '../corpus/tree.mjs';
import { fail, root } from '../lib.mjs';
import { buildWithLibbpf, kernelConfig } from '../relocations/libbpf.mjs';

const BEEYARD = join(root, 'dist/bin/main.js');
const COLUMNS = 'file,prog,verdict,insns,states,peak_states,max_states_per_insn,mark_read';
/** Emulated, an object takes a second or two. */
const SECONDS_EACH = 10;
const BOOT_SECONDS = 60;

/** The kernel's own program, with the libbpf of its tree; built into the cache. */
function veristatProgram() {
  const source = join(kernelTree(), 'tools/testing/selftests/bpf/veristat.c');
  return buildWithLibbpf('veristat', source, ['-static'], ['-lzstd']);
}

/**
 * veristat's table of these objects of a folder, from machines that share them. An object that
 * libbpf does not open has no rows. Throws when a machine does not come to its end.
 */
export async function veristatTable(folder, names, machines) {
  const work = mkdtempSync(join(tmpdir(), 'beeyard-veristat-'));
  try {
    const config = join(work, 'kconfig');
    writeFileSync(config, kernelConfig());
    const shares = Array.from({ length: machines }, (_, index) =>
      names.filter((_name, at) => at % machines === index),
    ).filter((share) => share.length > 0);
    const tables = await Promise.all(
      shares.map((share, index) => {
        const script = join(work, `${index}.sh`);
        writeFileSync(script, guestScript(folder, share, config));
        return inMachine(script, BOOT_SECONDS + share.length * SECONDS_EACH);
      }),
    );
    return joined(tables);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Before it: what libbpf reads the kernel's configuration from. */
function guestScript(folder, names, config) {
  const command = `'${veristatProgram()}' -q -o csv -e ${COLUMNS}`;
  return [
    `mkdir -p /boot && cp '${config}' "/boot/config-$(uname -r)" && cd '${folder}' || exit 1`,
    ...names.map((name) => `${command} '${name}' 2>/dev/null || exit 1`),
    '',
  ].join('\n');
}

function inMachine(script, seconds) {
  const words = ['vm', '-k', '6.12', '--cpus', '1', '--timeout', String(seconds), '--'];
  const child = spawn(process.execPath, [BEEYARD, ...words, 'sh', script]);
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].on('data', (chunk) => (said[name] += chunk.toString('latin1')));
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(said.stdout);
      else reject(new Error(`the machine ended with ${code}: ${said.stderr.slice(-2000)}`));
    });
  });
}

/** One head for all. */
function joined(tables) {
  const lines = tables.flatMap((table) => table.split('\n')).filter((line) => line !== '');
  const [head] = lines;
  return [head, ...lines.filter((line) => line !== head), ''].join('\n');
}

/**
 * veristat's table against that of `beeyard ci`, which loads as veristat does: the rows of
 * `beeyard ci compare`, Linux's side first.
 */
export function comparedTables(folder, names, table) {
  const work = mkdtempSync(join(tmpdir(), 'beeyard-veristat-'));
  try {
    const [settings, linux, ours] = ['ci.yaml', 'linux.csv', 'beeyard.csv'].map((name) =>
      join(work, name),
    );
    writeFileSync(linux, table);
    const objects = names.map((name) => join(folder, name));
    const shapes = { veristat: { loader: 'veristat' } };
    writeFileSync(settings, JSON.stringify({ objects, kernels: ['6.12'], shapes }));
    beeyard('ci', '--config', settings, '--csv', ours);
    const rows = JSON.parse(beeyard('ci', 'compare', linux, ours, '-j'));
    return rows.filter(({ file }) => names.includes(file));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** 1 is a finding: objects that cannot be opened, programs that load no more. */
function beeyard(...words) {
  const options = { encoding: 'utf8', maxBuffer: 2 ** 28 };
  const { status, stdout, stderr } = spawnSync(process.execPath, [BEEYARD, ...words], options);
  if (status !== 0 && status !== 1) fail(`beeyard ${words[0]} ended with ${status}: ${stderr}`);
  return stdout;
}
