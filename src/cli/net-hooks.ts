/** Programs at hooks of namespaces, as `bpftool net show` and `bpftool link show` list them. */
import { enums } from '../abi/index.ts';
import type { Machine } from '../machine/index.ts';
import type { MachineLink } from '../machine/objects/link.ts';

const { BPF_LINK_TYPE_NETFILTER } = enums.bpf_link_type;
const { BPF_FLOW_DISSECTOR } = enums.bpf_attach_type;
/** pf2name and inethook2name of bpftool. */
const FAMILIES: Readonly<Record<number, string>> = { 2: 'ip', 10: 'ip6' };
const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'];

/** What a netfilter link says of its place, by bpftool's keys. */
export interface NetfilterPlace {
  readonly pf: number;
  readonly hook: number;
  readonly prio: number;
  readonly flags: number;
}

/** Undefined: the link is of another type. */
export function netfilterPlace(link: MachineLink): NetfilterPlace | undefined {
  if (link.type !== BPF_LINK_TYPE_NETFILTER) return undefined;
  const info = link.info();
  const [pf, hook, prio, flags] = ['pf', 'hooknum', 'priority', 'flags'].map((name) =>
    Number(info[`netfilter.${name}`]),
  );
  return { pf: pf!, hook: hook!, prio: prio!, flags: flags! };
}

/** 'ip input prio 7 flags 0x1' */
export function netfilterText({ pf, hook, prio, flags }: NetfilterPlace): string {
  const shown = flags === 0 ? '' : ` flags 0x${flags.toString(16)}`;
  return `${FAMILIES[pf] ?? pf} ${HOOKS[hook] ?? hook} prio ${prio}${shown}`;
}

/** Rows of the netfilter section. */
export function netfilterRows({ objects }: Machine) {
  const rows = [...objects.links].flatMap((link) => {
    const place = netfilterPlace(link);
    return place ? [{ ...place, id: link.program.id }] : [];
  });
  return rows.sort(byNetfilterPlace);
}

/** By family, hook, priority, flags. */
export const byNetfilterPlace = (a: NetfilterPlace, b: NetfilterPlace): number =>
  a.pf - b.pf || a.hook - b.hook || a.prio - b.prio || a.flags - b.flags;

/** Ids of flow dissectors of the machine's own namespace: one at most. */
export function dissectorRows({ settings }: Machine) {
  const hooks = settings.subsystems.map((one) => one.namespaceHook?.(BPF_FLOW_DISSECTOR));
  const programs = hooks.find(Boolean)?.programs('') ?? [];
  return programs.map(({ id }) => ({ id }));
}
