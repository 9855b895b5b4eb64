import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readObject, writeBytes } from './files.ts';
import { type CliIo, type Style, styleFor } from './io.ts';
import type { ObjectFile } from '../object/index.ts';
import { type NumberedProgram, numberedPrograms, takePrograms } from './prog-choice.ts';
import { dotGraph } from './prog-graph.ts';
import { isRefusal, type Listing, listingOf, xlatedListing } from '../tools/index.ts';
import { jsonListing, type ListingOptions, plainListing } from './prog-listing.ts';
import { headerJson } from './prog-show.ts';
import { didYouMean } from './suggest.ts';
import { toJson } from './values.ts';

/** bpftool's words after PROG. */
const WORDS = ['file', 'opcodes', 'visual', 'linum'];

export interface DumpOptions extends ListingOptions {
  readonly visual: boolean;
  readonly file: string | undefined;
}

/** A program and what it is listed as. */
interface Shown extends NumberedProgram {
  readonly listing: Listing;
}

/**
 * `beeyard prog dump xlated`: the listing bpftool prints, of the code as Linux rewrites it once it
 * is verified; with `--loaded` of the code as it is handed to the kernel.
 */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const object = readObject(call.operands[0]!, io);
  const words = call.operands.slice(1);
  const { chosen, named } = takePrograms(await numberedPrograms(object), words, WORDS);
  const options = dumpOptions(call, words);
  checkOptions(call, chosen, options);
  const { shown, refused } = await listAll(call, object, chosen);
  for (const error of refused) {
    if (chosen.length === 1) throw error;
    io.err(`${error.message}\n`);
  }
  const first = shown[0]?.listing;
  if (options.file !== undefined) {
    writeBytes(options.file, first!.program.insns, io);
    if (call.json) io.out('null\n');
  } else if (options.visual) {
    io.out(dotGraph(first!, options));
  } else if (call.json) {
    const json = named
      ? jsonListing(first!, options)
      : shown.map((one) => ({
          ...headerJson(one, object),
          insns: jsonListing(one.listing, options),
        }));
    io.out(`${toJson(json, call.flag('pretty'))}\n`);
  } else {
    io.out(texts(shown, options, styleFor(io.color), chosen.length > 1));
  }
  return refused.length > 0 ? EXIT.finding : EXIT.ok;
}

function texts(shown: readonly Shown[], options: DumpOptions, style: Style, many: boolean): string {
  const all = shown.map(({ program: { section, name }, listing }) => {
    const heading = many ? `${style.bold(`${section}: ${name}`)}\n` : '';
    return heading + plainListing(listing, options, style);
  });
  return all.join('\n');
}

/** Listings, and why there are none of some. */
async function listAll(
  call: CommandCall,
  object: ObjectFile,
  chosen: readonly NumberedProgram[],
): Promise<{ readonly shown: readonly Shown[]; readonly refused: readonly Error[] }> {
  const unprivileged = call.flag('unpriv');
  if (call.flag('loaded') && unprivileged) throw usageError("'--unpriv' is about what is verified");
  const loader = { unprivileged, keys: staticKeys(call, object) };
  const shown: Shown[] = [];
  const refused: Error[] = [];
  for (const one of chosen) {
    if (call.flag('loaded')) {
      shown.push({ ...one, listing: listingOf(one.program, object.btf) });
      continue;
    }
    try {
      shown.push({ ...one, listing: await xlatedListing(object, one.program, loader) });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refused.push(error);
    }
  }
  return { shown, refused };
}

/** The static keys that are on. */
function staticKeys(call: CommandCall, { maps }: ObjectFile): readonly string[] {
  const named = call.list('key');
  const keys = maps.filter(({ type }) => type === 'static_key').map(({ name }) => name);
  const unknown = named.find((name) => !keys.includes(name));
  if (unknown === undefined) return named;
  throw usageError(`there is no static key '${unknown}'${didYouMean(unknown, keys)}`);
}

/** The options as words (bpftool's) or flags (ours). */
export function dumpOptions(call: CommandCall, words: readonly string[]): DumpOptions {
  const rest = [...words];
  const given = new Set(['opcodes', 'visual', 'linum'].filter((name) => call.flag(name)));
  let file = call.text('file');
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const known = word === '' ? undefined : WORDS.find((one) => one.startsWith(word!));
    if (known === undefined) {
      const hint = didYouMean(word, WORDS);
      throw usageError(`after PROG come ${WORDS.join(', ')}, not '${word}'${hint}`);
    }
    if (known !== 'file') given.add(known);
    else {
      file = rest.shift();
      if (file === undefined) throw usageError("'file' needs a path");
    }
  }
  const has = (name: string) => given.has(name);
  return { opcodes: has('opcodes'), visual: has('visual'), linum: has('linum'), file };
}

/** Throws a usage error for words that do not go together. */
export function checkDumpOptions(
  call: CommandCall,
  { file, visual, opcodes, linum }: DumpOptions,
): void {
  if (file !== undefined && (opcodes || visual || linum)) {
    throw usageError("'file' does not go with 'opcodes', 'visual' or 'linum'");
  }
  if (visual && call.json) throw usageError("'visual' does not go with JSON");
}

function checkOptions(
  call: CommandCall,
  chosen: readonly NumberedProgram[],
  options: DumpOptions,
): void {
  const one = options.file === undefined ? (options.visual ? 'visual' : undefined) : 'file';
  if (one && chosen.length !== 1) throw usageError(`'${one}' is for one program: name it`);
  checkDumpOptions(call, options);
}
