/** BPF_LINK_CREATE at hooks that are at no device: what the command says, as options. */
import { enums } from '../../abi/index.ts';
import type { AttachOptions, LinkCreateAttr } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { MachineProgram } from '../program.ts';
import { namespaceOf } from './namespace-hooks.ts';
import type { Process } from './process.ts';

const { bpf_prog_type: types } = enums;
const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const;
/** NFPROTO_IPV4, NFPROTO_IPV6 */
const FAMILIES: Readonly<Record<number, 'ipv4' | 'ipv6'>> = { 2: 'ipv4', 10: 'ipv6' };
const BPF_F_NETFILTER_IP_DEFRAG = 1;
const [INT_MIN, INT_MAX] = [-0x8000_0000, 0x7fff_ffff];
/** NF_IP_PRI_CONNTRACK_DEFRAG */
const DEFRAG = -400;

/** What options the command asks for. Throws KernelError for what Linux refuses, in its order. */
export type HookRequest = (process: Process, attr: LinkCreateAttr) => AttachOptions;

const noFlags = ({ flags = 0 }: LinkCreateAttr): void => {
  if (flags !== 0) refuse('EINVAL', 'flags');
};

const inNamespace: HookRequest = (process, attr) => {
  noFlags(attr);
  return { namespace: namespaceOf(process, attr.targetFd ?? 0) };
};

/** bpf_nf_check_pf_and_hooks */
const atNetfilter: HookRequest = (process, attr) => {
  noFlags(attr);
  const { pf = 0, hooknum = 0, priority: given = 0, flags = 0 } = attr.netfilter ?? {};
  const priority = given | 0;
  const family = FAMILIES[pf] ?? refuse('EAFNOSUPPORT', 'no such family');
  const hook = HOOKS[hooknum] ?? refuse('EPROTO', 'no such hook');
  if (flags & ~BPF_F_NETFILTER_IP_DEFRAG) refuse('EOPNOTSUPP', 'flags');
  if (priority === INT_MIN || priority === INT_MAX) refuse('ERANGE', 'priority');
  const defrag = flags !== 0;
  if (defrag && priority <= DEFRAG) refuse('ERANGE', 'before defragmentation');
  return { namespace: process.namespace, netfilter: { family, hook, priority, defrag } };
};

/** bpf_tracing_prog_attach */
const atFunction: HookRequest = (process, { targetFd = 0, targetBtfId = 0 }) => {
  if ((targetFd !== 0) !== (targetBtfId !== 0)) refuse('EINVAL', 'a target has its function');
  if (targetFd === 0) return {};
  return { target: process.get(targetFd, 'prog'), targetFunction: targetBtfId };
};

/** The same of programs that trace others: they go nowhere else than where they were loaded for. */
const aroundFunction: HookRequest = (process, attr) => {
  const { target } = atFunction(process, attr);
  if (target) refuse('EINVAL', 'only extensions go to another target');
  return {};
};

const REQUESTS: ReadonlyMap<number, HookRequest> = new Map<number, HookRequest>([
  [types.BPF_PROG_TYPE_FLOW_DISSECTOR, inNamespace],
  [types.BPF_PROG_TYPE_SK_LOOKUP, inNamespace],
  [types.BPF_PROG_TYPE_NETFILTER, atNetfilter],
  [types.BPF_PROG_TYPE_EXT, atFunction],
]);

/** How a program of this type asks for its hook; undefined: it is not of these. */
export const hookRequest = ({ typeId, parts }: MachineProgram): HookRequest | undefined =>
  REQUESTS.get(typeId) ?? (parts.target && aroundFunction);
