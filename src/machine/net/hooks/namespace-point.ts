import type { LinkInfo } from '../../objects/link.ts';
import { refuse } from '../../errno.ts';
import type { MachineProgram } from '../../program.ts';
import type { Attached } from '../../subsystem.ts';
import { FIRST_INUM } from '../sockets/kernel-view.ts';
import type { NetNamespace } from '../namespace.ts';
import { enums } from '../../../abi/index.ts';

const { BPF_LINK_TYPE_NETNS } = enums.bpf_link_type;

/** What differs between the hooks of namespaces. */
export interface NamespaceRules {
  /** BPF_FLOW_DISSECTOR, BPF_SK_LOOKUP */
  readonly attachType: number;
  readonly maxLinks: number;
  /** Throws KernelError for a place that another one rules out. */
  check?(net: NetNamespace): void;
  /** Programs there came, went or changed. */
  changed?(net: NetNamespace, programs: readonly MachineProgram[]): void;
}

interface Member {
  program: MachineProgram;
}

/** Programs of one kind in one namespace: links in order, or one without a link (net->bpf). */
class NamespacePoint {
  readonly links: Member[] = [];
  direct: MachineProgram | undefined;

  get programs(): readonly MachineProgram[] {
    return this.direct ? [this.direct] : this.links.map(({ program }) => program);
  }
}

/** One hook in every namespace (kernel/bpf/net_namespace.c). */
export class NamespacePoints {
  readonly #rules: NamespaceRules;
  readonly #points = new Map<NetNamespace, NamespacePoint>();

  constructor(rules: NamespaceRules) {
    this.#rules = rules;
  }

  programs(net: NetNamespace): readonly MachineProgram[] {
    return this.#points.get(net)?.programs ?? [];
  }

  /** Namespaces with programs. */
  *used(): IterableIterator<NetNamespace> {
    for (const [net, { programs }] of this.#points) if (programs.length > 0) yield net;
  }

  /** Programs that no link holds. */
  *direct(): IterableIterator<readonly [namespace: string, program: MachineProgram]> {
    for (const [net, { direct }] of this.#points) if (direct) yield [net.name, direct];
  }

  /** What a link is. Throws KernelError E2BIG, EEXIST. */
  link(net: NetNamespace, program: MachineProgram): Attached {
    const point = this.#at(net);
    if (point.links.length >= this.#rules.maxLinks) refuse('E2BIG', 'too many links');
    if (point.direct) refuse('EEXIST', 'a program without a link is there');
    this.#rules.check?.(net);
    const member: Member = { program };
    point.links.push(member);
    this.#changed(net);
    return {
      type: BPF_LINK_TYPE_NETNS,
      info: () => this.#info(net, member),
      detach: () => this.#leave(net, member),
      detachable: true,
      update: (next, old) => this.#update(net, member, next, old),
    };
  }

  #leave(net: NetNamespace, member: Member): void {
    const { links } = this.#at(net);
    const place = links.indexOf(member);
    if (place < 0) return;
    links.splice(place, 1);
    this.#changed(net);
  }

  #info(net: NetNamespace, member: Member): LinkInfo {
    const there = this.#at(net).links.includes(member);
    return {
      'netns.netns_ino': there ? FIRST_INUM + net.cookie : 0,
      'netns.attach_type': this.#rules.attachType,
    };
  }

  #update(
    net: NetNamespace,
    member: Member,
    next: MachineProgram,
    old: MachineProgram | undefined,
  ): void {
    if (old && old !== member.program) refuse('EPERM', 'another program is there');
    if (next.typeId !== member.program.typeId) refuse('EINVAL', 'a program of another type');
    if (!this.#at(net).links.includes(member)) refuse('ENOLINK', 'the link was detached');
    member.program = next;
    this.#changed(net);
  }

  /** Without a link. Throws KernelError EEXIST, EINVAL. */
  attach(net: NetNamespace, program: MachineProgram): void {
    const point = this.#at(net);
    if (point.links.length > 0) refuse('EEXIST', 'a link is there');
    this.#rules.check?.(net);
    if (point.direct === program) refuse('EINVAL', 'the program is there already');
    const before = point.direct;
    point.direct = program.hold();
    before?.drop();
    this.#changed(net);
  }

  /** Throws KernelError ENOENT, EINVAL. */
  detach(net: NetNamespace, program: MachineProgram): void {
    const point = this.#at(net);
    if (point.links.length > 0) refuse('EINVAL', 'a link holds what is there');
    if (point.direct !== program) refuse('ENOENT', 'the program is not there');
    point.direct = undefined;
    program.drop();
    this.#changed(net);
  }

  /** The namespace goes: its links stay without a hook. */
  forget(net: NetNamespace): void {
    const point = this.#points.get(net);
    if (!point) return;
    point.links.length = 0;
    point.direct?.drop();
    this.#points.delete(net);
  }

  #at(net: NetNamespace): NamespacePoint {
    let point = this.#points.get(net);
    if (!point) this.#points.set(net, (point = new NamespacePoint()));
    return point;
  }

  #changed(net: NetNamespace): void {
    this.#rules.changed?.(net, this.programs(net));
  }
}
