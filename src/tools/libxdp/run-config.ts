/** What objects say of how their XDP programs run among others: libxdp's `.xdp_run_config`. */
import type { Btf } from '../../btf/index.ts';
import type { ObjectFile } from '../../object/index.ts';

const SECTION = '.xdp_run_config';
/** Of programs whose object says nothing. */
const PRIORITY = 50;
/** XDP_PASS */
const CONTINUE_ON = 1 << 2;

/** Actions by their names in the section (enum xdp_action). */
const ACTIONS: Readonly<Record<string, number>> = {
  XDP_ABORTED: 0,
  XDP_DROP: 1,
  XDP_PASS: 2,
  XDP_TX: 3,
  XDP_REDIRECT: 4,
};

/** How a program runs among others. */
export interface XdpRunConfig {
  /** Lower ones run first. */
  readonly priority: number;
  /** Bit n: after the verdict n the next program runs. */
  readonly chainCallActions: number;
}

/**
 * What an object says of one of its programs, in a variable of `.xdp_run_config` that is called as
 * the program with `_` in front: nothing but its type counts. Default: priority 50, on with the
 * next one after XDP_PASS.
 *
 * @example
 * xdpRunConfig(parseObject(bytes), 'xdp_pass').priority; // 50
 */
export function xdpRunConfig({ btf }: ObjectFile, program: string): XdpRunConfig {
  const members = btf ? settingsOf(btf, program) : undefined;
  if (!members) return { priority: PRIORITY, chainCallActions: CONTINUE_ON };
  const actions = Object.entries(ACTIONS).filter(([name]) => (members.get(name) ?? 0) > 0);
  return {
    priority: members.get('priority') ?? PRIORITY,
    chainCallActions: actions.length > 0 ? maskOf(actions.map(([, bit]) => bit)) : CONTINUE_ON,
  };
}

const maskOf = (bits: readonly number[]): number => bits.reduce((all, bit) => all | (1 << bit), 0);

/** Numbers are lengths of arrays that the members point to. */
function settingsOf(btf: Btf, program: string): ReadonlyMap<string, number> | undefined {
  const id = btf.find('datasec', SECTION);
  const section = id === undefined ? undefined : btf.type(id);
  if (section?.kind !== 'datasec') return undefined;
  for (const { type } of section.vars) {
    const variable = btf.type(type);
    if (variable.kind !== 'var' || variable.name !== `_${program}`) continue;
    const struct = btf.resolved(variable.type);
    if (struct.kind !== 'struct') return undefined;
    return new Map(
      struct.members.map(({ name, type: length }) => [name, lengthBehind(btf, length)]),
    );
  }
  return undefined;
}

function lengthBehind(btf: Btf, id: number): number {
  const pointer = btf.resolved(id);
  const array = pointer.kind === 'ptr' ? btf.resolved(pointer.type) : undefined;
  return array?.kind === 'array' ? array.count : 0;
}
