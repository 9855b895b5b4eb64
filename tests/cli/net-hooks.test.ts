import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dissectorRows, netfilterRows, netfilterText } from '../../src/cli/net-hooks.ts';
import { loadObject } from '../../src/client/index.ts';
import { parseObject } from '../../src/index.ts';
import { bootMachine } from '../../src/machine/index.ts';

const file = new URL('../machine/programs/hooks.bpf.o', import.meta.url);

describe('net show', () => {
  it('lists netfilter links by place, and the flow dissector', async () => {
    const { machine } = await bootMachine();
    const { programs } = loadObject(machine, parseObject(readFileSync(file)));
    const filter = programs.get('filter')!;
    const at = (family: 'ipv4' | 'ipv6', hook: 'input' | 'forward', priority: number) =>
      filter.attach({ netfilter: { family, hook, priority, defrag: priority === 7 } });
    expect([netfilterRows(machine), dissectorRows(machine)]).toEqual([[], []]);
    at('ipv6', 'input', -1);
    at('ipv4', 'forward', 7);
    at('ipv4', 'forward', -8);
    const rows = netfilterRows(machine);
    expect(rows.map(({ pf, hook, prio, flags }) => [pf, hook, prio, flags])).toEqual([
      [2, 2, -8, 0],
      [2, 2, 7, 1],
      [10, 1, -1, 0],
    ]);
    expect(rows.every(({ id }) => id === (filter as never as { id: number }).id)).toBe(true);
    expect(rows.map(netfilterText)).toEqual([
      'ip forward prio -8',
      'ip forward prio 7 flags 0x1',
      'ip6 input prio -1',
    ]);
    const dissect = programs.get('dissect')!;
    dissect.attach({});
    expect(dissectorRows(machine)).toEqual([{ id: dissect.id }]);
  });
});
