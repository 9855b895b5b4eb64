/**
 * `node scripts/record-netkit.mjs`: three pods on netkit in a real Linux 6.12.117, with the programs of
 * examples/netkit-pods: sends frames from the pods and writes down what packet sockets at every device
 * saw, the programs' counters and the devices' statistics. The answers are
 * tests/fixtures/kernel/netkit.json, which tests/machine/netkit-kernel.test.ts holds beeyard against.
 * Needs qemu-system-x86, gcc, cpio, iproute2, busybox-static and in LIBBPF a folder with a static
 * libbpf of 1.3 or newer (include/, lib64/). A build (npm run build) makes the frames.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RELEASE } from './abi/image.mjs';
import { fail, root } from './lib.mjs';
import { runGuest } from './vm/guest.mjs';
import { createMachine, pod } from '../dist/index.js';

const OUTPUT = join(root, 'tests', 'fixtures', 'kernel', 'netkit.json');
const PODS = { client: '10.0.0.2', web: '10.0.0.3', dns: '10.0.0.53' };
const NODE = '169.254.1.1';

const INIT = `#!/bin/busybox sh
export PATH=/bin
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
$b mount -t tmpfs run /run
/bin/ip link set lo up
# Errors are not to be rationed.
echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 1 > /proc/sys/net/ipv4/ip_forward
pods() {
  for p in ${Object.entries(PODS)
    .map(([name, address]) => `${name}:${address}`)
    .join(' ')}; do
    n=\${p%%:*}; a=\${p##*:}
    /bin/ip netns add $n
    /bin/ip link add nk-$n type netkit
    /bin/ip link set nk0 netns $n
    /bin/ip -n $n link set nk0 name eth0
    /bin/ip -n $n link set lo up
    $b echo 1 > /proc/sys/net/ipv6/conf/nk-$n/disable_ipv6
    /bin/ip netns exec $n $b sh -c 'cd /proc/sys/net; echo 1 > ipv6/conf/all/disable_ipv6
      echo 0 > ipv4/icmp_ratelimit; echo 1 > ipv4/ip_forward'
    /bin/ip addr add ${NODE}/32 dev nk-$n
    /bin/ip link set nk-$n up
    /bin/ip -n $n link set eth0 up
    /bin/ip -n $n addr add $a/32 dev eth0
    /bin/ip -n $n route add default dev eth0
    /bin/ip route add $a/32 dev nk-$n
  done
}
for shortcut in 0 1; do
  pods
  echo "RUN $shortcut"
  /netkit $shortcut
  for n in ${Object.keys(PODS).join(' ')}; do
    echo "S $n $(/bin/ip netns exec $n $b cat /sys/class/net/eth0/statistics/tx_packets \\
      /sys/class/net/eth0/statistics/tx_bytes /sys/class/net/eth0/statistics/tx_dropped \\
      | $b tr '\\n' ' ')"
  done
  for n in ${Object.keys(PODS).join(' ')}; do /bin/ip link del nk-$n; /bin/ip netns del $n; done
done
echo DONE
$b poweroff -f
`;

/** Frames as the pods' own stacks would make them, some spoilt. */
async function makeFrames() {
  const namespaces = Object.fromEntries(
    Object.entries(PODS).map(([name, address]) => [name, pod({ address })]),
  );
  const host = await createMachine({ namespaces });
  const frames = [];
  const add = (namespace, options, spoil = () => {}) => {
    const capture = host.net.capture({ namespace, device: 'eth0', direction: 'out' });
    host.namespaces[namespace].send(options);
    capture.stop();
    const { data } = capture.packets[0];
    spoil(data);
    frames.push({ namespace, frame: Buffer.from(data).toString('hex') });
  };
  const { client, web, dns } = PODS;
  add('client', { to: web, protocol: 'tcp', port: 80, sourcePort: 4000 });
  add('client', { to: web, protocol: 'tcp', port: 443, sourcePort: 4000 });
  add('web', { to: client, protocol: 'tcp', port: 4000, sourcePort: 80 });
  add('web', { to: client, protocol: 'tcp', port: 80 });
  add('web', { to: '198.51.100.1', port: 9 });
  add('client', { to: dns, port: 53, sourcePort: 5353, payload: 'question' });
  add('dns', { to: client, port: 5353, sourcePort: 53, payload: 'answer' });
  for (const ttl of [1, 2]) add('client', { to: dns, port: 53, ttl });
  add('client', { to: web, from: dns, port: 53 });
  add('client', { to: NODE, protocol: 'icmp', payload: 'ping' });
  add('client', { to: NODE, port: 9, payload: 'x' });
  add('client', { to: NODE, protocol: 'tcp', port: 9, payload: 'syn data' });
  add('client', { to: NODE, protocol: 132, payload: 'sctp' });
  // Wrong header checksum, someone else's hardware address, wrong checksum of UDP.
  for (const [at, bits] of [
    [24, 1],
    [0, 2],
    [40, 1],
  ]) {
    add('client', { to: dns, port: 53 }, (data) => {
      data[at] ^= bits;
    });
  }
  add('client', { to: web, protocol: 'icmp' });
  add('client', { to: dns, port: 53, payload: new Uint8Array(1400) });
  add('dns', { to: web, port: 1, sourcePort: 53 });
  host[Symbol.dispose]();
  return frames;
}

/** What one run of the guest printed. */
function readRun(text, frames) {
  const lines = text.split('\n').map((line) => line.trim().split(' '));
  const of = (word) => lines.filter(([first]) => first === word);
  if (of('E').length > 0) fail(of('E').join('\n'));
  const seen = frames.map((_, i) =>
    of('P')
      .filter(([, number]) => Number(number) === i)
      .map(([, , ...rest]) => rest.join(' '))
      .sort(),
  );
  const counts = of('C').map(([, ...rest]) => rest.map(Number));
  const statistics = of('S').map(([, name, ...rest]) => [name, ...rest.map(Number)]);
  return { seen, counts, statistics };
}

const frames = await makeFrames();
const lines = frames.map((one) => `${one.namespace} ${one.frame}\n`).join('');
const said = runGuest({
  init: INIT,
  program: 'netkit',
  files: {
    'pods.bpf.o': join(root, 'examples', 'netkit-pods', 'pods.bpf.o'),
    frames: { contents: lines },
  },
});
const [, ...runs] = said.split(/^RUN \d$/m);
if (runs.length !== 2 || !said.includes('DONE')) fail(`the machine said:\n${said}`);
const answers = { kernel: RELEASE, frames, runs: runs.map((text) => readRun(text, frames)) };
writeFileSync(OUTPUT, `${JSON.stringify(answers, null, 1)}\n`);
process.stdout.write(`${OUTPUT}: ${frames.length} frames, 2 runs\n`);
