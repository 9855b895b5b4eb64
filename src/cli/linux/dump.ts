/** `prog dump xlated` of a program that is loaded. */
import type { Btf } from '../../btf/index.ts';
import { BPF_PSEUDO_CALL, type Code, decodeCode, kernelText } from '../../isa/index.ts';
import { Info, type LinuxKernel, type LoadedCode, loadedCode } from '../../linux/index.ts';
import { constantText, type Listing, protosOf, signed } from '../../tools/index.ts';
import type { CommandCall } from '../command.ts';
import { writeBytes } from '../files.ts';
import { type CliIo, styleFor } from '../io.ts';
import type { Output } from '../machine-file.ts';
import { checkDumpOptions, dumpOptions } from '../prog-dump.ts';
import { dotGraph } from '../prog-graph.ts';
import { jsonListing, plainListing } from '../prog-listing.ts';
import { takeOne } from './choice.ts';

/** `prog dump xlated PROG [{file FILE | [opcodes] [linum] [visual]}]` */
export function dump(kernel: LinuxKernel, words: string[], call: CommandCall, io: CliIo): Output {
  const fd = takeOne(kernel, 'prog', words);
  const options = dumpOptions(call, words);
  checkDumpOptions(call, options);
  const name = new Info(kernel.system, fd, 'prog').text('name');
  const listing = listingOf(loadedCode(kernel.system, fd), name);
  if (options.file !== undefined) {
    writeBytes(options.file, listing.program.insns, io);
    return {};
  }
  if (options.visual) return { text: dotGraph(listing, options) };
  if (call.json) return { json: jsonListing(listing, options) };
  return { text: plainListing(listing, options, styleFor(io.color)) };
}

function listingOf(loaded: LoadedCode, name: string): Listing {
  const { insns, btf, functions, lines } = loaded;
  const code = decodeCode(insns);
  const starts = functions.length > 0 ? functions : [{ start: 0, typeId: 0 }];
  const specs = starts.map(({ start, typeId }, i) => ({
    name: (btf && typeId > 0 && functionName(btf, typeId)) || name,
    start,
    size: (starts[i + 1]?.start ?? code.length) - start,
    btfId: typeId,
    global: false,
  }));
  const symbols = {
    helper: (imm: number) => loaded.called(imm),
    callee: (_: unknown, at: number) =>
      code.src[at] === BPF_PSEUDO_CALL
        ? ownFunction(code, at, loaded)
        : loaded.called(code.imm[at]!),
    constant: (_: unknown, at: number) => constantText(code, at, (id) => `id:${id >>> 0}`),
  };
  return {
    program: { insns, functions: specs },
    code,
    text: (insn) => kernelText(code, insn, symbols),
    proto: functions.length > 0 ? protosOf(specs, btf) : new Map(),
    lines: new Map(lines.map((one) => [one.insn, one])),
  };
}

function functionName(btf: Btf, typeId: number): string {
  const type = btf.type(typeId);
  return type.kind === 'func' ? type.name : '';
}

/** Of compiled functions `imm` is the number, and `off` the distance. */
function ownFunction(code: Code, at: number, loaded: LoadedCode): string {
  const symbol = loaded.jited(code.imm[at]!);
  return symbol === undefined ? signed(code.imm[at]!) : `${signed(code.off[at]!)}#${symbol}`;
}
