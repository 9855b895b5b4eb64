import { constants, helperId, helperName } from '../../../abi/index.ts';
import { BPF_CALL, BPF_JMP } from '../../../isa/index.ts';
import { instead, type Candidate, type Maker } from './candidate.ts';
import type { Failure } from './failure.ts';
import { callHelper, movImm } from './insns.ts';
import type { Source } from './source.ts';

/** Helpers that do the same with the same arguments, for other programs. */
const ALTERNATIVES: Readonly<Record<string, readonly string[]>> = {
  skb_load_bytes: ['xdp_load_bytes'],
  xdp_load_bytes: ['skb_load_bytes'],
  skb_store_bytes: ['xdp_store_bytes'],
  copy_from_user: ['probe_read_user'],
  probe_read: ['probe_read_kernel'],
  probe_read_str: ['probe_read_kernel_str'],
  ktime_get_boot_ns: ['ktime_get_ns'],
  ktime_get_tai_ns: ['ktime_get_ns'],
  ktime_get_coarse_ns: ['ktime_get_ns'],
  get_current_task_btf: ['get_current_task'],
  sk_redirect_map: ['sk_redirect_hash'],
  skb_adjust_room: ['skb_change_tail'],
};

/** The helper is not for this program: another one, a sleepable program, or none. */
export const otherHelpers: Maker = (failure, source) => {
  const { insn, code } = failure;
  if (code.op[insn] !== (BPF_JMP | BPF_CALL) || code.src[insn] !== 0) return [];
  const name = helperName(code.imm[insn]!) ?? '';
  const candidates: Candidate[] = (ALTERNATIVES[name] ?? []).map((other) => ({
    kind: 'other-helper',
    title: `Call bpf_${other}() instead, which this program may call.`,
    at: insn,
    patch: instead(insn, [callHelper(helperId(other)!)]),
    source: renamed(failure, source, `bpf_${name}`, `bpf_${other}`),
    removes: true,
  }));
  return [...candidates, leftOut(failure, source, `bpf_${name}`)];
};

function renamed({ insn }: Failure, source: Source, name: string, other: string) {
  const text = source.at(insn)?.text ?? '';
  const isKnown = new RegExp(`\\b${name}\\s*\\(`).test(text) && source.mentions(other);
  const line = text.trim().replace(new RegExp(`\\b${name}\\b`), other);
  return isKnown ? source.instead(insn, [line]) : undefined;
}

/** The call is taken out, its result is 0. */
function leftOut({ insn }: Failure, source: Source, name: string): Candidate {
  const text = source.at(insn)?.text.trim() ?? '';
  const alone = new RegExp(`^${name}\\s*\\(.*\\);$`).test(text);
  return {
    kind: 'remove',
    title: `Leave the call of ${name}() out: this program may not make it.`,
    at: insn,
    patch: instead(insn, [movImm(0, 0)]),
    removes: true,
    source: alone ? source.instead(insn, [';']) : undefined,
  };
}

/** Functions of the kernel that this program may not call. */
export const kfuncRemovals: Maker = (failure, source) => {
  const { insn, code, profile } = failure;
  const isCall = code.op[insn] === (BPF_JMP | BPF_CALL) && code.src[insn] === 2;
  if (!isCall || code.off[insn] !== 0 || code.imm[insn]! <= 0) return [];
  return [leftOut(failure, source, profile.btf().type(code.imm[insn]!).name)];
};

/** The program says that it may sleep. */
export const sleepable: Maker = ({ input, insn }) => [
  {
    kind: 'sleepable',
    title: 'Let the program be a sleepable one: a section with `.s`.',
    at: insn,
    change: { flags: input.flags | constants.BPF_F_SLEEPABLE },
  },
];

/** The program says that its licence is GPL-compatible. */
export const gplLicence: Maker = ({ insn }) => [
  {
    kind: 'licence',
    title: 'Declare a GPL-compatible licence, if that is yours: `SEC("license") = "GPL"`.',
    at: insn,
    change: { license: 'GPL' },
  },
];
