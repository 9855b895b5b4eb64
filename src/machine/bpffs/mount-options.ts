import { enums } from '../../abi/index.ts';
import { refuse } from '../errno.ts';
import { type Mount, ROOT_MODE } from './inode.ts';

type Delegate = keyof Mount['delegate'];

/** Names a delegate option takes, besides numbers and 'any'. */
const WORDS: Readonly<Record<Delegate, readonly [Readonly<Record<string, number>>, string]>> = {
  cmds: [enums.bpf_cmd, 'BPF_'],
  maps: [enums.bpf_map_type, 'BPF_MAP_TYPE_'],
  progs: [enums.bpf_prog_type, 'BPF_PROG_TYPE_'],
  attachs: [enums.bpf_attach_type, 'BPF_'],
};

const ANY = (1n << 64n) - 1n;

/**
 * The text of mount(2) for bpffs: 'mode=0700,delegate_cmds=prog_load:map_create'. Throws
 * KernelError EINVAL for what Linux 6.12 does not take (bpf_parse_param).
 */
export function parseMountOptions(path: string, text = ''): Mount {
  const options = { mode: ROOT_MODE, uid: 0, gid: 0 };
  const delegate = { cmds: 0n, maps: 0n, progs: 0n, attachs: 0n };
  for (const option of text.split(',').filter((one) => one !== '')) {
    const [name, value = ''] = option.split('=', 2) as [string, string?];
    const kind = name.startsWith('delegate_') ? name.slice('delegate_'.length) : undefined;
    if (kind !== undefined && Object.hasOwn(delegate, kind)) {
      for (const word of value.split(':'))
        delegate[kind as Delegate] |= bitOf(kind as Delegate, word);
    } else if (name === 'mode') options.mode = numberOf(value, 8) & 0o7777;
    else if (name === 'uid' || name === 'gid') options[name] = numberOf(value, 10);
    else refuse('EINVAL', `bpffs has no mount option '${name}'`);
  }
  return { path, ...options, delegate };
}

function numberOf(text: string, base: number): number {
  const value = /^\w+$/.test(text) ? Number.parseInt(text, base) : Number.NaN;
  return Number.isNaN(value) ? refuse('EINVAL', `'${text}' is no number`) : value;
}

function bitOf(kind: Delegate, word: string): bigint {
  if (word === 'any') return ANY;
  const [table, prefix] = WORDS[kind];
  const number = table[prefix + word.toUpperCase()];
  if (number !== undefined) return 1n << BigInt(number);
  if (/^(0x[\da-f]+|\d+)$/i.test(word)) return BigInt(word) & ANY;
  return refuse('EINVAL', `'${word}' is not a value of delegate_${kind}`);
}
