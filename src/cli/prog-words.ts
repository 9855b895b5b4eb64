/** Words of the commands about loaded programs, and how these are shown: bpftool's way. */
import { attachTypeId, succeed } from '../abi/index.ts';
import type { BpfSyscall } from '../kernel/index.ts';
import type { ObjectFile } from '../object/index.ts';
import { usageError } from './exit.ts';
import { readBytes, writeBytes } from './files.ts';
import type { CliIo } from './io.ts';
import type { Output } from './machine-file.ts';

/** A program by bpftool's keys, in its order (print_prog_json). */
export interface ShownProgram {
  readonly id: number;
  readonly type: string;
  readonly name?: string;
  readonly tag: string;
  readonly gpl_compatible: boolean;
  readonly run_time_ns?: number;
  readonly run_cnt?: number;
  readonly recursion_misses?: number;
  /** Seconds since 1970. */
  readonly loaded_at?: number;
  readonly uid?: number;
  readonly orphaned: boolean;
  readonly bytes_xlated: number;
  readonly jited: boolean;
  readonly bytes_jited?: number;
  readonly bytes_memlock?: number;
  readonly map_ids?: readonly number[];
  readonly btf_id?: number;
  readonly pinned?: readonly string[];
}

export function programText(one: ShownProgram): string {
  const maps = one.map_ids ? `  map_ids ${one.map_ids.join(',')}` : '';
  const runs = one.run_cnt ? ` run_time_ns ${one.run_time_ns} run_cnt ${one.run_cnt}` : '';
  const gpl = one.gpl_compatible ? '  gpl' : '';
  const name = one.name === undefined ? '' : `  name ${one.name}`;
  const jited = one.jited ? `jited ${one.bytes_jited}B` : 'not jited';
  const memory = one.bytes_memlock === undefined ? '' : `  memlock ${one.bytes_memlock}B`;
  const lines = [
    `${one.id}: ${one.type}${name}  tag ${one.tag}${gpl}${runs}`,
    `\txlated ${one.bytes_xlated}B  ${jited}${memory}${maps}`,
    ...(one.btf_id === undefined ? [] : [`\tbtf_id ${one.btf_id}`]),
    ...(one.pinned ?? []).map((path) => `\tpinned ${path}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** `[pinmaps DIR] [autoattach]` */
export function takeLoadWords(words: string[]): { pinmaps: string | undefined; attaches: boolean } {
  const pinmaps = words[0] === 'pinmaps' ? words.splice(0, 2)[1] : undefined;
  const attaches = words[0] === 'autoattach' && words.shift() !== undefined;
  if (words.length > 0) throw usageError(`'prog load' does not know '${words[0]}'`);
  return { pinmaps, attaches };
}

/** Names of all programs that are loaded unasked, or of the first. */
export function programsToLoad({ programs }: ObjectFile, all: boolean, file: string): string[] {
  const names = programs.filter(({ autoload }) => autoload !== false).map(({ name }) => name);
  if (names.length === 0) throw usageError(`${file}: there is no program`);
  return all ? names : names.slice(0, 1);
}

const RUN_WORDS = ['data_in', 'data_out', 'data_size_out', 'ctx_in', 'ctx_out', 'repeat'];

/** Words of `prog run` with their values. */
export function takeRunWords(words: string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  while (words.length > 0) {
    const [name = '', value] = words.splice(0, 2);
    if (!RUN_WORDS.includes(name) || value === undefined) {
      throw usageError(`'prog run' takes ${RUN_WORDS.join(', ')}, each with a value`);
    }
    given.set(name, value);
  }
  return given;
}

const MOST_DATA = 1 << 20;

/** BPF_PROG_TEST_RUN, with the files that the words name. */
export function testRun(
  bpf: BpfSyscall,
  progFd: number,
  options: ReadonlyMap<string, string>,
  io: CliIo,
): Output {
  const file = (name: string): Uint8Array | undefined =>
    options.has(name) ? readBytes(options.get(name)!, io) : undefined;
  const [dataIn, ctxIn] = [file('data_in'), file('ctx_in')];
  const repeat = Number(options.get('repeat') ?? 1);
  const dataOut = new Uint8Array(Number(options.get('data_size_out') ?? MOST_DATA));
  const ctxOut = options.has('ctx_out') ? new Uint8Array(192) : undefined;
  const attr = {
    progFd,
    repeat,
    dataOut,
    dataSizeOut: dataOut.length,
    ...(dataIn && { dataIn, dataSizeIn: dataIn.length }),
    ...(ctxIn && { ctxIn, ctxSizeIn: ctxIn.length }),
    ...(ctxOut && { ctxOut, ctxSizeOut: ctxOut.length }),
    retval: 0,
    duration: 0,
  };
  succeed(bpf.progTestRun(attr), 'the program was not run');
  const data = dataOut.subarray(0, attr.dataSizeOut);
  if (options.has('data_out')) writeBytes(options.get('data_out')!, data, io);
  if (ctxOut) writeBytes(options.get('ctx_out')!, ctxOut.subarray(0, attr.ctxSizeOut), io);
  const { retval, duration } = attr;
  return {
    json: { retval, duration },
    text: `Return value: ${retval}, duration (average): ${duration}ns\n`,
  };
}

/** bpftool leaves out what all of a kind begin with: 'stream_parser' is sk_skb_stream_parser. */
export function attachTypeNamed(word: string): number {
  const kinds = ['', 'sk_', 'sk_skb_'];
  const found = kinds.map((kind) => attachTypeId(kind + word)).find((id) => id !== undefined);
  if (found !== undefined) return found;
  throw usageError(`there is no attach type '${word}'`);
}
