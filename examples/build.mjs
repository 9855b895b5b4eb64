#!/usr/bin/env node
// Compiles BPF C of this repository, reproducibly: same source, same clang, same bytes.
// `node examples/build.mjs` rebuilds the committed objects of examples/.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
export const CLANG = 'clang-19';
/** The compiler the committed objects come from; another one may choose other instructions. */
export const CLANG_VERSION = '19.1.7';

/** For C made from TypeScript: its columns are not the source's, nor is its style of anyone. */
const STYLE = ['parentheses-equality', 'unused-parameter', 'unused-variable'];
const GENERATED = ['-gno-column-info', ...STYLE.map((name) => `-Wno-${name}`), '-x', 'c'];

const EXAMPLES = [
  'examples/firewall/firewall.bpf.c',
  'examples/firewall-ts/firewall.bpf.ts',
  'examples/typed-import/ratelimit.bpf.c',
  'examples/vitest/synlimit.bpf.c',
  'examples/own-kfunc/limit.bpf.c',
  'examples/quantiles/quantiles.bpf.c',
  'examples/fair/fair.bpf.c',
  'examples/classifier/wildcard.bpf.c',
  'examples/classifier/classifier.bpf.c',
  'examples/hash-collisions/flows.bpf.c',
  'examples/static-keys/tracing.bpf.c',
  'examples/netkit-pods/pods.bpf.c',
  'examples/socket-killer/killer.bpf.c',
  'examples/cgroup-policy/policy.bpf.c',
  'examples/grace-periods/trie.bpf.c',
  'examples/grace-periods/churn.bpf.c',
  'examples/live-views/live.bpf.c',
  'examples/live-views/shared-page.bpf.c',
  'examples/idle-flows/flows.bpf.c',
  'examples/tcx-chain/chain.bpf.c',
  'examples/vf-monitor/monitor.bpf.c',
  'examples/vf-monitor/driver.bpf.c',
  'examples/load-balancer/balancer.bpf.c',
  'examples/rdma/roce.bpf.c',
  'examples/rdma/rkeys.bpf.c',
  'examples/xsk-echo/echo.bpf.c',
  'examples/sockmap-proxy/proxy.bpf.c',
  'examples/token/flows.bpf.c',
  'examples/studio/unchecked.bpf.c',
];

/** Version of the installed clang-19, or undefined if there is none. */
export function clangVersion() {
  const { stdout, status } = spawnSync(CLANG, ['--version'], { encoding: 'utf8' });
  return status === 0 ? /version (\d+\.\d+\.\d+)/.exec(stdout)?.[1] : undefined;
}

/** Runs a tool from the repository's root; throws with its own words if it fails. */
export function tool(command, args, input) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    input,
  });
  if (error) throw new Error(`${command}: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stderr}`);
  return stdout;
}

/**
 * Compiles `source` (relative to the repository) for BPF and returns the object's bytes. Paths are
 * made relative and DWARF is dropped (BTF stays; `keepDwarf` keeps both), so no trace of the machine
 * is left in it. `c` is what was made of a source in TypeScript.
 */
export function compileBpf(source, { cpu = 'v3', flags = [], c, keepDwarf = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-'));
  const object = join(folder, 'object.o');
  try {
    const target = ['-target', 'bpf', `-mcpu=${cpu}`, '-O2', '-g', '-Wall', '-Wextra', '-Werror'];
    const paths = ['-Iinclude', '-ffile-prefix-map=./=', '-fdebug-compilation-dir=.'];
    const from = c === undefined ? ['-c', source] : [...GENERATED, '-c', '-'];
    tool(CLANG, [...target, ...paths, ...flags, ...from, '-o', object], c);
    if (!keepDwarf) tool('llvm-strip-19', ['-g', object]);
    return readFileSync(object);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The C of a source in TypeScript; nothing for one in C. Needs a build (`npm run build`). */
async function cOf(source) {
  if (!source.endsWith('.ts')) return {};
  const { compileTypeScript } = await import('../dist/tools/index.js');
  return { c: compileTypeScript(readFileSync(join(root, source), 'utf8'), source).c };
}

/** Objects that the package brings along, as base64 in a module. */
const EMBEDDED = {
  'examples/vf-monitor/monitor.bpf.o': ['src/tools/sriov/generated/monitor.ts', 'MONITOR'],
  'examples/vf-monitor/driver.bpf.o': ['src/tools/sriov/generated/driver.ts', 'DRIVER'],
};

function embed(object, bytes) {
  const [module, name] = EMBEDDED[object] ?? [];
  if (!module) return;
  const text = Buffer.from(bytes).toString('base64');
  const heading = `/** ${object}, made by examples/build.mjs. */`;
  mkdirSync(dirname(join(root, module)), { recursive: true });
  writeFileSync(join(root, module), `${heading}\nexport const ${name} = '${text}';\n`);
}

async function main() {
  for (const source of EXAMPLES) {
    const object = source.replace(/\.(c|ts)$/, '.o');
    const bytes = compileBpf(source, await cOf(source));
    writeFileSync(join(root, object), bytes);
    embed(object, bytes);
    console.log(`${relative('.', join(root, object))}: ${bytes.length} bytes`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
