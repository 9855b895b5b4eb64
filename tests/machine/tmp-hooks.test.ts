import { readFileSync } from 'node:fs';
import { it, expect } from 'vitest';
import { createMachine } from '../../src/index.ts';
const S = '/root/.cache/beeyard/selftests-b937ec6d90d2/';
const read = (n: string) => new Uint8Array(readFileSync(S + n + '.bpf.o'));
for (const engine of ['wasm', 'interpreter'] as const) {
  it('freplace get_constant ' + engine, async () => {
    const host = await createMachine({ engine });
    const pkt = await host.load(read('test_pkt_access'));
    for (const [n, w] of pkt.refused) console.log(n, w.message);
    const target = pkt.programs['test_pkt_access']!;
    const before = target.run({ data: new Uint8Array(100) } as never);
    const ext = await host.load(read('freplace_get_constant'), {
      targets: { security_new_get_constant: target },
    });
    for (const [n, w] of ext.refused) console.log(n, w.message);
    console.log(Object.keys(ext.programs));
    const link = ext.programs[Object.keys(ext.programs)[0]!]!.attach();
    const after = target.run({ data: new Uint8Array(100) } as never);
    console.log(
      before.returnValue,
      after.returnValue,
      ext.globals.names.map((n) => [n, ext.globals.get(n)]),
    );
    link.detach();
    console.log(target.run({ data: new Uint8Array(100) } as never).returnValue);
  });
  it('netfilter ' + engine, async () => {
    const host = await createMachine({
      engine,
      devices: { lo: { addresses: ['127.0.0.1/8', '::1/128'] } },
    });
    const nf = await host.load(read('test_netfilter_link_attach'));
    console.log(Object.keys(nf.programs));
    const net = host.net.namespace('');
    let got = 0;
    net.listen({ protocol: 'udp', port: 9 }, () => {
      got++;
      return undefined;
    });
    net.send({ to: '127.0.0.1', port: 9, payload: 'x' });
    const trace = host.net.trace();
    const link = Object.values(nf.programs)[0]!.attach({
      netfilter: { family: 'ipv4', hook: 'input', priority: 1 },
    });
    net.send({ to: '127.0.0.1', port: 9, payload: 'x' });
    console.log(got, JSON.stringify(trace, null, 0)?.slice(0, 300));
    link.detach();
    net.send({ to: '127.0.0.1', port: 9, payload: 'x' });
    console.log(got);
    const ctx = await host.load(read('ip_check_defrag'));
    for (const [n, w] of ctx.refused) console.log(n, w.message);
    console.log(Object.keys(ctx.programs));
  });
  it('flow ' + engine, async () => {
    const host = await createMachine({ engine });
    const flow = await host.load(read('bpf_flow'));
    for (const [n, w] of flow.refused) console.log(n, w.message);
    console.log(Object.keys(flow.programs));
    const data = new Uint8Array(64);
    data[12] = 8;
    data[14] = 0x45;
    data[23] = 6;
    data[34] = 0;
    data[35] = 80;
    data[37] = 8080 - 7936;
    data[36] = 31;
    data[46] = 0x50;
    const r = flow.programs['_dissect']!.run({ data } as never);
    console.log(r);
  });
}
