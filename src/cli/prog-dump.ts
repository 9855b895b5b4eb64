import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readObject, writeBytes } from './files.ts';
import { type CliIo, styleFor } from './io.ts';
import { type NumberedProgram, numberedPrograms, takePrograms } from './prog-choice.ts';
import { dotGraph } from './prog-graph.ts';
import { jsonListing, listingOf, type ListingOptions, plainListing } from './prog-listing.ts';
import { headerJson } from './prog-show.ts';
import { didYouMean } from './suggest.ts';
import { toJson } from './values.ts';

/** bpftool's words after PROG. */
const WORDS = ['file', 'opcodes', 'visual', 'linum'];

interface DumpOptions extends ListingOptions {
  readonly visual: boolean;
  readonly file: string | undefined;
}

/**
 * `beeyard prog dump xlated`: the listing bpftool prints, of the code as it is loaded: no kernel
 * has rewritten anything in it.
 */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const object = readObject(call.operands[0]!, io);
  const words = call.operands.slice(1);
  const { chosen, named } = takePrograms(await numberedPrograms(object), words, WORDS);
  const options = dumpOptions(call, words);
  checkOptions(call, chosen, options);
  const listing = ({ program }: NumberedProgram) => listingOf(program, object.btf);
  if (options.file !== undefined) {
    writeBytes(options.file, chosen[0]!.program.insns, io);
    if (call.json) io.out('null\n');
  } else if (options.visual) {
    io.out(dotGraph(listing(chosen[0]!), options));
  } else if (call.json) {
    const json = named
      ? jsonListing(listing(chosen[0]!), options)
      : chosen.map((one) => ({
          ...headerJson(one, object),
          insns: jsonListing(listing(one), options),
        }));
    io.out(`${toJson(json, call.flag('pretty'))}\n`);
  } else {
    const style = styleFor(io.color);
    const texts = chosen.map((one) => {
      const { section, name } = one.program;
      const heading = chosen.length > 1 ? `${style.bold(`${section}: ${name}`)}\n` : '';
      return heading + plainListing(listing(one), options, style);
    });
    io.out(texts.join('\n'));
  }
  return EXIT.ok;
}

/** The options as words (bpftool's) or flags (ours). */
function dumpOptions(call: CommandCall, words: readonly string[]): DumpOptions {
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

function checkOptions(
  call: CommandCall,
  chosen: readonly NumberedProgram[],
  { file, visual, opcodes, linum }: DumpOptions,
): void {
  const one = file === undefined ? (visual ? 'visual' : undefined) : 'file';
  if (one && chosen.length !== 1) throw usageError(`'${one}' is for one program: name it`);
  if (file !== undefined && (opcodes || visual || linum)) {
    throw usageError("'file' does not go with 'opcodes', 'visual' or 'linum'");
  }
  if (visual && call.json) throw usageError("'visual' does not go with JSON");
}
