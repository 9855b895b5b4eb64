/**
 * The kernel's tests of split BTF (prog_tests/btf_dedup_split.c), read at test time: they are lists
 * of calls, which are made here as they stand there.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Btf, NewBtfType } from '../../src/btf/index.ts';
import { BtfBuilder, dedupBtf, openBtf, printC, printRaw } from '../../src/btf/index.ts';

const script = new URL('../../scripts/corpus/tree.mjs', import.meta.url).href;

/** What a test expects at one place, and what there is. */
export interface SplitCheck {
  readonly test: string;
  readonly ours: string;
  readonly theirs: string;
}

const CALL = new RegExp(
  [
    String.raw`(?<made>\w+) = btf__new_empty(?<split>_split)?\((?<base>\w*)\)`,
    String.raw`btf__add_(?<kind>int|ptr|fwd|struct|field)\((?<added>[^;]*?)\);`,
    String.raw`btf_add_dup_struct_in_cu\((?<helped>\w+), (?<start>\d+)\);`,
    String.raw`btf__dedup\((?<deduped>\w+), NULL\)`,
    String.raw`VALIDATE_RAW_BTF\(\s*(?<raw>\w+),(?<lines>[^;]*)\);`,
    String.raw`ASSERT_STREQ\(btf_type_c_dump\((?<c>\w+)\),(?<text>[^]*?), "c_dump"\)`,
  ].join('|'),
  'g',
);

/** All checks of all tests in the file. */
export async function kernelSplitChecks(): Promise<readonly SplitCheck[]> {
  const { kernelTree } = (await import(script)) as { kernelTree(): string };
  const folder = join(kernelTree(), 'tools/testing/selftests/bpf/prog_tests');
  const source = readFileSync(join(folder, 'btf_dedup_split.c'), 'utf8')
    .replace(/\/\*[^]*?\*\//g, '')
    .replaceAll('\\\n', '');
  const bodies = new Map<string, string>();
  for (const [, name, body] of source.matchAll(/^static void (\w+)\([^)]*\)\s*\{\n([^]*?)^\}/gm)) {
    bodies.set(name!, body!);
  }
  return [...bodies].flatMap(([name, body]) => {
    if (!name.startsWith('test_')) return [];
    return new Replay(name, bodies.get('btf_add_dup_struct_in_cu')!).run(body);
  });
}

class Replay {
  readonly #test: string;
  readonly #helper: string;
  readonly #builders = new Map<string, BtfBuilder>();
  readonly #types = new Map<string, NewBtfType[]>();
  readonly #bases = new Map<string, string>();
  readonly #checks: SplitCheck[] = [];

  constructor(test: string, helper: string) {
    this.#test = test;
    this.#helper = helper;
  }

  run(body: string): readonly SplitCheck[] {
    for (const { groups } of body.matchAll(CALL)) this.#call(groups!);
    return this.#checks;
  }

  #call(call: Readonly<Record<string, string | undefined>>): void {
    const { made, kind, helped, deduped, raw, c } = call;
    if (made) this.#make(made, call['split'] ? call['base']! : '');
    else if (kind) this.#add(kind, call['added']!, 0);
    else if (helped) {
      for (const { groups } of this.#helper.replace(/\bbtf,/g, `${helped},`).matchAll(CALL)) {
        this.#add(groups!['kind']!, groups!['added']!, Number(call['start']));
      }
    } else if (deduped) {
      const { btf } = dedupBtf(this.#build(deduped));
      this.#types.set(deduped, btf.types.slice(btf.firstOwnId));
    } else if (raw) this.#check(this.#allRaw(raw), linesOf(call['lines']!));
    else if (c)
      this.#check(bodyOf(printC(this.#build(c), { unsorted: true })), textOf(call['text']!));
  }

  #check(ours: string, theirs: string): void {
    this.#checks.push({ test: this.#test, ours, theirs });
  }

  #make(name: string, base: string): void {
    this.#types.set(name, []);
    this.#bases.set(name, base);
    this.#builders.delete(name);
  }

  #build(name: string): Btf {
    const base = this.#bases.get(name)!;
    const under = base ? this.#build(base) : undefined;
    const builder = new BtfBuilder(under ? { base: under } : {});
    for (const type of this.#types.get(name)!) builder.add(type);
    return openBtf(builder.toBytes(), under);
  }

  /** Types of the base too, as the test lists them. */
  #allRaw(name: string): string {
    const base = this.#bases.get(name)!;
    return (base ? this.#allRaw(base) : '') + printRaw(this.#build(name));
  }

  #add(kind: string, given: string, start: number): void {
    const [name, ...args] = given.split(',').map((each) => each.trim());
    const number = (text: string): number =>
      Number(text.replace(/^ID\((\d+)\)$/, (_, id) => String(start + Number(id))));
    const text = (args[0] ?? '').replaceAll('"', '');
    const types = this.#types.get(name!)!;
    if (kind === 'field') {
      const owner = types.pop() as NewBtfType & { kind: 'struct' };
      const [type, bitOffset, bitSize] = args.slice(1).map(number) as [number, number, number];
      types.push({
        ...owner,
        members: [...owner.members, { name: text, type, bitOffset, bitSize }],
      });
    } else types.push(newType(kind, text, number(args[kind === 'ptr' ? 0 : 1] ?? '')));
  }
}

function newType(kind: string, name: string, value: number): NewBtfType {
  const int = { signed: true, char: false, bool: false, bitOffset: 0 };
  if (kind === 'int') return { kind, name, size: value, bits: value * 8, ...int };
  if (kind === 'ptr') return { kind, name: '', type: value };
  if (kind === 'fwd') return { kind, name, of: 'struct' };
  return { kind: 'struct', name, size: value, members: [] };
}

/** The C string that literals make. */
const textOf = (literals: string): string =>
  [...literals.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
    .map(([, text]) => text!.replaceAll('\\n', '\n').replaceAll('\\t', '\t'))
    .join('');

/** One literal, or several without a comma, for each type. */
const linesOf = (list: string): string =>
  list
    .split(/,\s*(?="\[)/)
    .map((each) => `${textOf(each)}\n`)
    .join('');

/** A header without what bpftool puts around it. */
const bodyOf = (header: string): string =>
  header
    .replace(/^[^]*?#define __weak [^]*?#endif\n\n/, '')
    .replace(/\n\/\* BPF kfuncs \*\/[^]*/, '');
