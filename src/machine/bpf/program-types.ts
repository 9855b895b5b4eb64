import type { ProgLoadAttr } from '../../kernel/index.ts';
import type { SourceLine } from '../../object/index.ts';
import type { VerifierInput } from '../../verifier/index.ts';
import { refuse } from '../errno.ts';
import type { BtfObject } from '../objects/btf.ts';
import type { Process } from './process.ts';
import { userBytes } from './values.ts';

/** What a program says of its functions and lines. */
export interface ProgramTypes {
  readonly btf: BtfObject | undefined;
  readonly functions: VerifierInput['functionInfo'];
  readonly lines: readonly SourceLine[];
}

/** Bytes of struct bpf_func_info and bpf_line_info, and the most a record may have. */
const FUNCTION = 8;
const LINE = 16;
const MOST_BYTES = 252;
const MOST_LINES = 0x7fffffff / LINE;

/** BTF, func_info and line_info of BPF_PROG_LOAD (check_btf_info_early). */
export function readTypes(process: Process, attr: ProgLoadAttr): ProgramTypes {
  const { funcInfoCnt = 0, lineInfoCnt = 0 } = attr;
  if (funcInfoCnt === 0 && lineInfoCnt === 0) return { btf: undefined, functions: [], lines: [] };
  const btf = process.get(attr.progBtfFd ?? 0, 'btf');
  if (btf.kernel) refuse('EACCES', 'types of the kernel are no types of programs');
  const functions = records(attr.funcInfo, funcInfoCnt, attr.funcInfoRecSize ?? 0, FUNCTION);
  if (lineInfoCnt > MOST_LINES) refuse('EINVAL', 'line_info_cnt');
  const lines = records(attr.lineInfo, lineInfoCnt, attr.lineInfoRecSize ?? 0, LINE);
  const text = (offset: number): string => {
    try {
      return btf.btf.stringAt(offset);
    } catch {
      return refuse('EINVAL', 'a line has no text');
    }
  };
  return {
    btf,
    functions: functions.map((view) => ({
      insn: view.getUint32(0, true),
      typeId: view.getUint32(4, true),
    })),
    lines: lines.map((view) => {
      const place = view.getUint32(12, true);
      return {
        insn: view.getUint32(0, true),
        file: text(view.getUint32(4, true)),
        text: text(view.getUint32(8, true)),
        line: place >>> 10,
        column: place & 0x3ff,
      };
    }),
  };
}

/** Records may be longer than known ones: then the rest is zero, or it is E2BIG. */
function records(
  bytes: Uint8Array | undefined,
  count: number,
  size: number,
  known: number,
): DataView[] {
  if (count === 0) return [];
  const least = known === LINE ? LINE : FUNCTION;
  if (size < least || size > MOST_BYTES || size % 4 !== 0) refuse('EINVAL', 'size of records');
  const all = userBytes(bytes, count * size);
  return Array.from({ length: count }, (_, i) => {
    const record = all.subarray(i * size, (i + 1) * size);
    if (record.subarray(known).some((byte) => byte !== 0)) refuse('E2BIG', 'longer records');
    return new DataView(record.buffer, record.byteOffset, known);
  });
}
