/** What the documents say is so: the README's example runs, the table of topics is whole. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { replaced, scorecard } from '../scripts/scorecard.mjs';
import { readCapture } from '../src/tools/pcap/index.ts';

const root = join(import.meta.dirname, '..');
const page = (name: string) => readFileSync(join(root, name), 'utf8');

describe('README', () => {
  const example = /```ts\n([\s\S]*?)```/.exec(page('README.md'))?.[1] ?? '';

  test('shows both commands on the first screen', () => {
    const screen = page('README.md').split('\n').slice(0, 40).join('\n');
    expect(screen).toContain('npm start');
    expect(screen).toContain('npm test');
  });

  test('has an example of at most 15 lines that does what its comments say', async () => {
    const code = example.trim().split('\n');
    expect(code.length).toBeLessThanOrEqual(15);
    const beeyard = await import('../src/index.ts');
    const capture = readFileSync(join(root, 'examples/firewall/capture.pcap.gz'));
    const { packets } = readCapture(new Uint8Array(gunzipSync(capture)));
    const packet = packets.find(({ data }) => isFrom(data, [198, 51, 100]))!.data;
    const results = await run(example, { ...beeyard, packet });
    // Every `console.log(expression);  // → text` must print that text.
    const promised = [...example.matchAll(/\/\/ → (.*)/g)].map((match) => match[1]);
    expect(promised.length).toBeGreaterThan(0);
    expect(results).toEqual(promised);
  });
});

describe('the example of beeyard/verify', () => {
  test('does what it says', async () => {
    const comment = /```ts\n([\s\S]*?)```/.exec(page('src/verifier/index.ts'))?.[1] ?? '';
    const { parseObject } = await import('../src/index.ts');
    const names = {
      ...(await import('../src/verifier/index.ts')),
      parseObject,
      readFileSync: () => readFileSync(join(root, 'examples/firewall/firewall.bpf.o')),
    };
    const code = comment.replace(/^ \* ?/gm, '').replace(/!\)/g, ')');
    expect(await run(code, names)).toEqual([expect.stringMatching(/^firewall: \d+ instructions$/)]);
  });
});

/** True for an untagged IPv4 packet whose source address starts with `prefix`. */
function isFrom(data: Uint8Array, prefix: number[]): boolean {
  return data[12] === 8 && data[13] === 0 && prefix.every((byte, i) => data[26 + i] === byte);
}

describe('the scorecard', () => {
  test('in the README is what `npm run scorecard` writes', async () => {
    const abi = await import('../src/abi/index.ts');
    const missing = await import('../src/runtime/missing.ts');
    const readme = page('README.md');
    expect(readme).toBe(replaced(readme, scorecard(abi, missing)));
  });
});

/** Runs the example's code with its imports given; returns what it logs. */
async function run(code: string, names: Record<string, unknown>): Promise<string[]> {
  const printed: string[] = [];
  const log = (...all: unknown[]) => printed.push(all.map(show).join(' '));
  const body = code.replace(/^import .*$/gm, '').replace(/^(\s*)(?:await )?using /gm, '$1const ');
  const script = `return (async () => {${body}\n})()`;
  const scope = {
    ...names,
    console: { log, info: log },
  };
  await new Function(...Object.keys(scope), script)(...Object.values(scope));
  return printed;
}

function show(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v)).replaceAll('"', '');
}

describe('docs/topics.md', () => {
  const rows = page('docs/topics.md')
    .split('\n')
    .filter((line) => /^\| T\d\d /.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

  test('has a row for each of the 39 topics', () => {
    expect(rows.map((row) => row[0])).toEqual(
      Array.from({ length: 39 }, (_, i) => `T${String(i + 1).padStart(2, '0')}`),
    );
  });

  test('gives each row a known state, and a command and a proof to what is begun', () => {
    for (const [id, , , state, command, proof] of rows) {
      expect(['works', 'started', '–'], id).toContain(state);
      if (state === '–') continue;
      expect(command, id).toMatch(/^`.+`$/);
      for (const path of (proof ?? '').matchAll(/`([^`]+)`/g)) {
        expect(existsSync(join(root, path[1]!)), `${id}: ${path[1]}`).toBe(true);
      }
    }
  });
});
