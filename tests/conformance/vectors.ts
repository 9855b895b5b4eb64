/** The file format of tests/filetests/rfc9669, see the README there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const folder = join(import.meta.dirname, '../filetests/rfc9669');

export interface Vector {
  readonly name: string;
  /** Line of the file where the test, or its case, stands. */
  readonly line: number;
  readonly source: string;
  readonly memory: Uint8Array;
  readonly fuel: number | undefined;
  readonly result: bigint | undefined;
  readonly after: Uint8Array | undefined;
  readonly fault: { readonly kind: string; readonly insn: number | undefined } | undefined;
}

interface Block {
  readonly name: string;
  readonly line: number;
  readonly source: string[];
  readonly words: Map<string, string>;
  readonly cases: { readonly values: string[]; readonly result: bigint; readonly line: number }[];
}

const WORDS = ['memory', 'fuel', 'result', 'after', 'fault'];

function parseBlocks(text: string, file: string): Block[] {
  const blocks: Block[] = [];
  text.split('\n').forEach((content, i) => {
    const line = i + 1;
    if (content.trim() === '' || content.startsWith('#')) return;
    if (content.startsWith('test ')) {
      blocks.push({ name: content.slice(5), line, source: [], words: new Map(), cases: [] });
      return;
    }
    const block = blocks.at(-1);
    const [word, ...rest] = content.split(' ');
    if (block && /^(\s|\w+:)/.test(content)) block.source.push(content);
    else if (block && word === 'case') block.cases.push({ ...parseCase(rest.join(' ')), line });
    else if (block && WORDS.includes(word!)) block.words.set(word!, rest.join(' '));
    else throw new Error(`${file}:${line}: cannot read '${content}'`);
  });
  return blocks;
}

function parseCase(text: string): { values: string[]; result: bigint } {
  const [values, result] = text.split('->');
  return { values: values!.trim().split(/\s+/), result: BigInt(result!.trim()) };
}

const bytesOf = (hex: string | undefined) =>
  Uint8Array.from(Buffer.from((hex ?? '').replaceAll(' ', ''), 'hex'));

function expand(block: Block): Vector[] {
  const { name, line, words } = block;
  const fault = /^(.*?)(?: at (\d+))?$/.exec(words.get('fault') ?? '')!;
  const base = {
    name,
    line,
    source: block.source.join('\n'),
    memory: bytesOf(words.get('memory')),
    fuel: words.has('fuel') ? Number(words.get('fuel')) : undefined,
    result: words.has('result') ? BigInt(words.get('result')!) : undefined,
    after: words.has('after') ? bytesOf(words.get('after')) : undefined,
    fault: fault[1] ? { kind: fault[1], insn: fault[2] ? Number(fault[2]) : undefined } : undefined,
  };
  if (block.cases.length === 0) return [base];
  return block.cases.flatMap((one) => [
    { ...base, ...constants(block, one.values), line: one.line, result: one.result },
    { ...base, ...fromMemory(block, one.values), line: one.line, result: one.result },
  ]);
}

const substitute = (line: string, values: string[]) =>
  line.replaceAll(/\$(\d)/g, (_, k) => values[Number(k) - 1]!);

function constants(block: Block, values: string[]) {
  const lines = block.source.map((line) =>
    /^\s*r\d = \$\d$/.test(line) ? `${substitute(line, values)} ll` : substitute(line, values),
  );
  return { name: `${block.name} (${values.join(', ')})`, source: lines.join('\n') };
}

function fromMemory(block: Block, values: string[]) {
  const lines = block.source.map((line) => {
    const load = /^\s*(r\d) = \$(\d)$/.exec(line);
    if (load === null) return substitute(line, values);
    return `  ${load[1]} = *(u64 *)(r1 + ${(Number(load[2]) - 1) * 8})`;
  });
  const memory = new Uint8Array(values.length * 8);
  const view = new DataView(memory.buffer);
  values.forEach((value, k) => view.setBigUint64(k * 8, BigInt.asUintN(64, BigInt(value)), true));
  return {
    name: `${block.name} (${values.join(', ')}) in memory`,
    source: lines.join('\n'),
    memory,
  };
}

/** All vectors of a file. */
export function readVectors(file: string): Vector[] {
  return parseBlocks(readFileSync(join(folder, file), 'utf8'), file).flatMap(expand);
}

export function vectorFiles(): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .sort();
}
