/** What a bpffs delegates to tokens: the mount options delegate_* of kernel/bpf/inode.c. */
import { enums, errnos } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';

/** Kinds of things a token allows. */
export const DELEGATE_KINDS = ['cmds', 'maps', 'progs', 'attachs'] as const;
export type DelegateKind = (typeof DELEGATE_KINDS)[number];

/** Bits of enum bpf_cmd, bpf_map_type, bpf_prog_type and bpf_attach_type: a u64 each. */
export type Delegation = Readonly<Record<DelegateKind, bigint>>;

export const NO_DELEGATION: Delegation = { cmds: 0n, maps: 0n, progs: 0n, attachs: 0n };
const U64 = (1n << 64n) - 1n;

interface Words {
  /** Names by what the kernel's BTF has, without their prefix; the first of a number is printed. */
  readonly numbers: ReadonlyMap<string, number>;
  /** Bits that stand for something: __MAX_BPF_CMD and the like. */
  readonly known: bigint;
}

function wordsOf(table: Readonly<Record<string, number>>, prefix: string): Words {
  const own = Object.entries(table).filter(([name]) => name.startsWith(prefix));
  const numbers = new Map(own.map(([name, at]) => [name.slice(prefix.length).toLowerCase(), at]));
  const [, end] = Object.entries(table).find(([name]) => name.startsWith('__MAX_'))!;
  return { numbers, known: (1n << BigInt(end)) - 1n };
}

const WORDS: Readonly<Record<DelegateKind, Words>> = {
  cmds: wordsOf(enums.bpf_cmd, 'BPF_'),
  maps: wordsOf(enums.bpf_map_type, 'BPF_MAP_TYPE_'),
  progs: wordsOf(enums.bpf_prog_type, 'BPF_PROG_TYPE_'),
  attachs: wordsOf(enums.bpf_attach_type, 'BPF_'),
};

/** Every bit of a kind that stands for something in Linux 6.12. */
export const knownBits = (kind: DelegateKind): bigint => WORDS[kind].known;

/**
 * The value of a delegate option: words with colons between, each a name, 'any' or a number. As in
 * Linux a number takes the place of what stands before it in the same value, names add to it.
 * Throws KernelError: EINVAL for another word, ERANGE for a number of more than 64 bits.
 *
 * @example
 * parseDelegate('progs', 'xdp:sched_cls'); // 0x48n
 */
export function parseDelegate(kind: DelegateKind, text: string): bigint {
  let mask = 0n;
  for (const word of text.split(':')) {
    if (word === 'any') mask = U64;
    else {
      const number = WORDS[kind].numbers.get(word.toLowerCase());
      mask = number === undefined ? kernelU64(word) : mask | (1n << BigInt(number));
    }
  }
  return mask;
}

/** kstrtou64(text, 0): a leading 0x is hexadecimal, a leading 0 octal. */
function kernelU64(text: string): bigint {
  const digits = text.replace(/^\+/, '').replace(/\n$/, '');
  const octal = /^0[0-7]+$/.test(digits);
  if (!octal && !/^(0x[\da-f]+|0|[1-9]\d*)$/i.test(digits)) {
    throw new KernelError('EINVAL', errnos['EINVAL']!, `'${text}' is no name and no number`);
  }
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits.toLowerCase());
  if (value <= U64) return value;
  throw new KernelError('ERANGE', errnos['ERANGE']!, `'${text}' has more than 64 bits`);
}

/** The words of a value as Linux prints them: names, 'any', a number for bits without a name. */
export function delegateWords(kind: DelegateKind, mask: bigint): string[] {
  const { known, numbers } = WORDS[kind];
  let rest = mask & known;
  if (rest === known) return ['any'];
  const words: string[] = [];
  for (const [word, number] of numbers) {
    const bit = 1n << BigInt(number);
    if ((rest & bit) === 0n) continue;
    words.push(word);
    rest &= ~bit;
  }
  return rest === 0n ? words : [...words, `0x${rest.toString(16)}`];
}

/**
 * A delegation as mount options, in the kernel's order and words; kinds without any are left out.
 *
 * @example
 * delegationText({ ...NO_DELEGATION, cmds: 0x21n }); // 'delegate_cmds=map_create:prog_load'
 */
export function delegationText(delegation: Delegation): string {
  return DELEGATE_KINDS.flatMap((kind) => {
    const words = delegateWords(kind, delegation[kind]);
    return words.length === 0 ? [] : [`delegate_${kind}=${words.join(':')}`];
  }).join(',');
}

/** Whether anything is delegated at all. */
export function delegates(delegation: Delegation): boolean {
  return DELEGATE_KINDS.some((kind) => delegation[kind] !== 0n);
}
