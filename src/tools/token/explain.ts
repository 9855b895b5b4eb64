import { enums, type KernelProfile } from '../../abi/index.ts';
import { KernelError } from '../../base/index.ts';
import type { ObjectFile, ProgramSpec } from '../../object/index.ts';
import { type Capability, CAPABILITIES, type Delegation } from '../../security/index.ts';
import {
  delegationOf,
  loadedPrograms,
  mapNeeds,
  programNeeds,
  type TokenNeed,
  typesNeed,
} from './needs.ts';

/** What an object needs to be loaded by somebody with a BPF token. */
export interface TokenExplanation {
  /** The smallest delegation with which all of it loads. */
  readonly delegation: Delegation;
  /** The fewest capabilities in the user namespace of the token, in the kernel's order. */
  readonly capabilities: readonly Capability[];
  /** Those to attach its programs, beyond that. */
  readonly toAttach: readonly Capability[];
  /** Part by part. */
  readonly needs: readonly TokenNeed[];
  /** It has types that it loads without; with btf_load they are kept. */
  readonly typesOptional: boolean;
  /** The same delegation with what libbpf tries before it loads. */
  readonly libbpf: { readonly delegation: Delegation; readonly why: readonly string[] };
}

/**
 * The smallest delegation an object needs, and why: each map and program by the rules of
 * BPF_MAP_CREATE and BPF_PROG_LOAD, each program by asking the verifier with fewer rights. Throws
 * KernelError for an object that cannot be relocated.
 *
 * @example
 * const { delegation } = explainToken(object, await loadKernelProfile());
 * delegationText(delegation); // 'delegate_cmds=map_create:prog_load,delegate_maps=hash,…'
 */
export function explainToken(object: ObjectFile, profile: KernelProfile): TokenExplanation {
  const specs = loadedPrograms(object);
  const maps = mapNeeds(object);
  const programs = specs.flatMap((spec) => safely(spec, () => programNeeds(object, spec, profile)));
  const types = typesNeed(object, profile, programs);
  const needs = unique([...maps, ...programs, ...(types ? [types] : [])]);
  const possible = needs.filter(({ impossible }) => impossible === undefined);
  const delegation = delegationOf(possible);
  return {
    delegation,
    capabilities: inOrder(possible.flatMap(({ capabilities }) => capabilities)),
    toAttach: inOrder(possible.flatMap(({ toAttach }) => toAttach)),
    needs,
    typesOptional: object.btf !== undefined && !types,
    libbpf: libbpfNeeds(object, specs, delegation),
  };
}

/** A program that finds no target in this kernel is one that nobody can load. */
function safely({ name, type = '?' }: ProgramSpec, find: () => TokenNeed[]): TokenNeed[] {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const impossible = `nobody can load it: ${error.message}`;
    const nothing = { bits: {}, capabilities: [], toAttach: [], why: undefined };
    return [{ kind: 'program', name, type, ...nothing, impossible }];
  }
}

/** The map with the kernel's configuration is one for all programs. */
function unique(needs: readonly TokenNeed[]): TokenNeed[] {
  const same = (a: TokenNeed, b: TokenNeed): boolean => a.kind === b.kind && a.name === b.name;
  return needs.filter((need, i) => needs.findIndex((other) => same(need, other)) === i);
}

const inOrder = (names: readonly Capability[]): Capability[] =>
  CAPABILITIES.filter((name) => names.includes(name));

const bits = (...numbers: number[]): bigint =>
  numbers.reduce((all, number) => all | (1n << BigInt(number)), 0n);

const { BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_CGROUP_SOCK } = enums.bpf_prog_type;
const { BPF_CGROUP_INET_INGRESS, BPF_CGROUP_INET_SOCK_CREATE } = enums.bpf_attach_type;

/** Sections whose expected attach type libbpf leaves out on kernels that know none. */
const OPTIONAL_SECTIONS =
  'xdp sockops sk_skb/stream_parser sk_skb/stream_verdict sk_skb/verdict sk_msg ' +
  'lirc_mode2 flow_dissector cgroup_skb/ingress cgroup_skb/egress cgroup/sock cgroup/dev';
const OPTIONAL_ATTACH: ReadonlySet<string> = new Set(OPTIONAL_SECTIONS.split(' '));

/**
 * libbpf tries what the kernel can do with the token, too, and takes a refusal for an old kernel
 * (libbpf of Linux 6.12: probe_kern_global_data, probe_kern_exp_attach_type).
 */
function libbpfNeeds(
  object: ObjectFile,
  specs: readonly ProgramSpec[],
  delegation: Delegation,
): TokenExplanation['libbpf'] {
  const why: string[] = [];
  let { progs, attachs } = delegation;
  if (object.maps.some(({ dataSection }) => dataSection !== undefined)) {
    why.push('global variables: libbpf loads a socket_filter to see whether the kernel has them');
    progs |= bits(BPF_PROG_TYPE_SOCKET_FILTER);
    attachs |= bits(BPF_CGROUP_INET_INGRESS);
  }
  const optional = specs.find(
    ({ section, attachType }) => attachType && OPTIONAL_ATTACH.has(section.replace(/^\?/, '')),
  );
  if (optional) {
    why.push(
      `section '${optional.section}': libbpf loads a cgroup_sock program to see whether the ` +
        'kernel has attach types, and else gives none',
    );
    progs |= bits(BPF_PROG_TYPE_CGROUP_SOCK);
    attachs |= bits(BPF_CGROUP_INET_SOCK_CREATE);
  }
  return { delegation: { ...delegation, progs, attachs }, why };
}
