/** Runs in a machine (nouns.tools.test.ts): attaches programs, and says what the kernel has. */
import { openSync, closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = process.argv[2];
const open = (path) => import(pathToFileURL(join(root, 'dist/lib', path)).href);
const { parseObject } = await open('index.js');
const { idsOf, Info, openById, openLinux, xdpOfDevices } = await open('linux.js');
const host = await openLinux();
const { system } = host.kernel;
const bytes = (path) => readFileSync(join(root, path));
/** BPF_LINK_TYPE_* */
const TYPES = {
  2: 'tracing',
  3: 'cgroup',
  4: 'iter',
  5: 'netns',
  6: 'xdp',
  8: 'kprobe_multi',
  10: 'netfilter',
  11: 'tcx',
};
function typeOf({ id }) {
  const fd = openById(system, 'link', id);
  const type = new Info(system, fd, 'link').number('type');
  closeSync(fd);
  return TYPES[type];
}
const said = {};

const net = await host.load(bytes('tests/machine/programs/net.bpf.o'), {
  programs: ['by_length', 'first_byte'],
});
const xdp = net.programs.by_length.attach({ device: 'lo', mode: 'generic' });
said.xdp = typeOf(xdp);
xdp.detach();
// rtnetlink: no link, and the kernel's own words when it refuses.
const plain = net.programs.by_length.attach({ device: 'lo', mode: 'generic', link: false });
said.xdpWithoutLink = xdpOfDevices(system.libc);
const native = () => net.programs.first_byte.attach({ device: 'lo', mode: 'native', link: false });
try {
  native();
} catch ({ code, message }) {
  said.refused = { code, message };
}
plain.detach();
said.xdpGone = xdpOfDevices(system.libc);

const chain = await host.load(bytes('examples/tcx-chain/chain.bpf.o'));
const first = chain.programs.sanity.attach({ device: 'lo' });
const second = chain.programs.trust.attach({ device: 'lo', before: chain.programs.sanity });
said.tcx = [first, second].map(typeOf);
const progIds = new Uint8Array(64);
const query = { targetFd: 1, attachType: 46, progIds, progCnt: 16 };
system.bpf.progQuery(query);
const names = { [chain.programs.sanity.id]: 'first', [chain.programs.trust.id]: 'second' };
said.order = [...new Uint32Array(progIds.buffer, 0, query.progCnt)].map((id) => names[id]);

const policy = await host.load(bytes('examples/cgroup-policy/policy.bpf.o'));
const stop = policy.programs.stop.attach({ cgroup: '/beeyard-test' });
said.cgroup = typeOf(stop);

const only = async (path, name) =>
  (await host.load(bytes(path), { programs: [name] })).programs[name];
const hooks = 'tests/machine/programs/hooks.bpf.o';
const filter = (await only(hooks, 'filter')).attach({
  netfilter: { family: 'ipv4', hook: 'input' },
});
said.netfilter = typeOf(filter);
const dissector = (await only(hooks, 'dissect')).attach();
said.flowDissector = typeOf(dissector);
const choose = (await only('tests/machine/programs/sockets.bpf.o', 'choose')).attach();
said.skLookup = typeOf(choose);
const iterated = (await only('examples/socket-killer/killer.bpf.o', 'list_tcp')).attach();
said.iterator = typeOf(iterated);

const sockmap = 'tests/machine/programs/sockmap.bpf.o';
const proxy = await host.load(bytes(sockmap), { programs: ['message'] });
const message = proxy.programs.message.attach({ map: proxy.maps.peers });
const held = new Uint8Array(4);
const asked = { targetFd: proxy.maps.peers.kernelMap.fd, attachType: 7, progIds: held, progCnt: 1 };
system.bpf.progQuery(asked);
said.sockmap = new Uint32Array(held.buffer)[0] === proxy.programs.message.id;

const written = parseObject(bytes('tests/machine/programs/traced.bpf.o'));
const at = { section: 'kprobe/do_sys_openat2', type: 'kprobe', attachTarget: 'do_sys_openat2' };
const multi = {
  section: 'kprobe.multi/do_sys_openat2',
  attachType: 'trace_kprobe_multi',
  flags: ['multi'],
};
const several = written.programs
  .filter(({ name }) => name === 'on_exit')
  .map((one) => ({ ...one, ...at, ...multi }));
const probed = await host.load({ ...written, programs: several });
const probe = probed.programs.on_exit.attach();
said.kprobeMulti = [typeOf(probe)];
closeSync(openSync('/dev/null', 'r'));
said.kprobeMulti.push(probed.globals.get('left') !== 0n);
probe.detach();
const programs = written.programs.map((one) => (one.name === 'on_exit' ? { ...one, ...at } : one));
const traced = await host.load({ ...written, programs });
const links = ['on_enter', 'on_exit', 'on_openat', 'on_function'].map((name) =>
  traced.programs[name].attach(),
);
closeSync(openSync('/dev/null', 'r'));
said.fentry = traced.globals.get('first') > 0n;
said.rawTracepoint = traced.globals.get('entered') > 0n;
said.tracepoint = traced.globals.get('asked').some((word) => word !== 0n);
said.kprobe = traced.globals.get('left') !== 0n;
const others = [filter, dissector, choose, iterated, message];
for (const link of [first, second, stop, ...others, ...links]) link.detach();
said.detached = idsOf(system, 'link').length;
process.stdout.write(JSON.stringify(said));
process.exit(0);
