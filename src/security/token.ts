/** BPF tokens: what somebody without capabilities in the first user namespace may do (token.c). */
import type { Capability } from './capabilities.ts';
import { type Credentials, nsCapable } from './credentials.ts';
import { DELEGATE_KINDS, type Delegation, knownBits } from './delegation.ts';
import type { UserNamespace } from './user-namespace.ts';

/** A token, as BPF_TOKEN_CREATE makes it of a mount of bpffs. */
export interface Token {
  /** That of the mount: the capabilities of whoever uses the token are asked there. */
  readonly userns: UserNamespace;
  readonly allows: Delegation;
}

/**
 * bpf_token_capable(): with a token the namespace of the token counts, without one the first;
 * CAP_SYS_ADMIN stands for every other capability. `first`: the first user namespace.
 */
export function tokenCapable(
  credentials: Credentials,
  first: UserNamespace,
  token: Token | undefined,
  capability: Capability,
): boolean {
  const userns = token?.userns ?? first;
  return (
    nsCapable(credentials, userns, capability) || nsCapable(credentials, userns, 'CAP_SYS_ADMIN')
  );
}

const has = (mask: bigint, bit: number): boolean => (mask & (1n << BigInt(bit))) !== 0n;

/** Numbers from here on no token allows (__MAX_BPF_MAP_TYPE and the like). */
const isKnown = (kind: 'maps' | 'progs' | 'attachs', number: number): boolean =>
  number < 64 && has(knownBits(kind), number);

/** bpf_token_allow_cmd(): BPF_MAP_CREATE, BPF_BTF_LOAD, BPF_PROG_LOAD take tokens. */
export function allowsCommand({ allows }: Token, command: number): boolean {
  return has(allows.cmds, command);
}

/** bpf_token_allow_map_type() */
export function allowsMap({ allows }: Token, type: number): boolean {
  return isKnown('maps', type) && has(allows.maps, type);
}

/** bpf_token_allow_prog_type(): the type and the expected attach type must both be delegated. */
export function allowsProgram({ allows }: Token, type: number, attachType: number): boolean {
  const known = isKnown('progs', type) && isKnown('attachs', attachType);
  return known && has(allows.progs, type) && has(allows.attachs, attachType);
}

/**
 * What /proc/PID/fdinfo says of a token: four lines.
 *
 * @example
 * tokenInfo(token); // 'allowed_cmds:\t0x21\nallowed_maps:\tany\n…'
 */
export function tokenInfo({ allows }: Token): string {
  return DELEGATE_KINDS.map((kind) => {
    const known = knownBits(kind);
    const mask = allows[kind];
    return `allowed_${kind}:\t${(mask & known) === known ? 'any' : `0x${mask.toString(16)}`}\n`;
  }).join('');
}
