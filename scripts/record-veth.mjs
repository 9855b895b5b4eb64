/**
 * `node scripts/record-veth.mjs [NAME]`: a router between three namespaces on veth in a real Linux 6.12.117,
 * with XDP and tc programs, device and CPU maps: the scenarios of vm/veth-scenarios.mjs. Sends frames
 * and writes down what packet sockets at every device saw, and the counters. The answers are
 * tests/fixtures/kernel/veth.json.gz, which tests/machine/veth-kernel.test.ts holds beeyard against.
 * Needs qemu-system-x86, gcc, cpio, iproute2, busybox-static and in LIBBPF a folder with a static
 * libbpf of 1.3 or newer (include/, lib64/). A build (npm run build) makes the frames.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { RELEASE } from './abi/image.mjs';
import { fail, root } from './lib.mjs';
import { runGuest, wordsOf } from './vm/guest.mjs';
import { SCENARIOS as ALL, SPACES, endsOf } from './vm/veth-scenarios.mjs';

/** Scenarios whose names hold the words of the command line; the others stay as they were recorded. */
const SCENARIOS = ALL.filter(({ name }) =>
  process.argv.slice(2).every((one) => name.includes(one)),
);
const OUTPUT = join(root, 'tests', 'fixtures', 'kernel', 'veth.json.gz');

/** What is set before there are devices: no noise of IPv6, no rationed errors. */
const QUIET = `cd /proc/sys/net
    for c in default all; do echo 0 > ipv6/conf/$c/accept_dad; echo 0 > ipv6/conf/$c/router_solicitations
      echo 0 > ipv6/conf/$c/dad_transmits; echo 0 > ipv6/conf/$c/accept_ra
      echo 1 > ipv6/conf/$c/addr_gen_mode; echo 10 > ipv6/conf/$c/mldv2_unsolicited_report_interval; done
    # Who is known needs no second question while this lasts.
    for v in 4 6; do echo 1000 > ipv$v/neigh/default/delay_first_probe_time; done
    echo 1 > ipv6/mld_qrv; echo 0 > ipv4/ip_forward
    echo 0 > ipv4/icmp_ratelimit; echo 0 > ipv6/icmp/ratelimit; echo 0 > ipv4/icmp_ratemask`;

/** Commands for `ip -batch`: those of the router, and of each other namespace. */
function batches(mtu) {
  const small = mtu ? [`link set v-b mtu ${mtu}`] : [];
  const root_ = SPACES.flatMap((space) => {
    const { router, other } = endsOf(space);
    const ends = [router, other].map(({ name, index, mac }) => [
      `${name} index ${index} address ${mac}`,
    ]);
    return [
      `link add ${ends[0]} type veth peer name ${ends[1]} netns ${space}`,
      ...router.addresses.map((one) => `addr add ${one} dev ${router.name} nodad`),
      `link set ${router.name} up`,
    ];
  });
  const inside = SPACES.map((space) => {
    const { router, other } = endsOf(space);
    const [via, via6] = router.addresses.map((one) => one.split('/')[0]);
    const lines = [
      ...(mtu && space === 'b' ? [`link set eth0 mtu ${mtu}`] : []),
      ...other.addresses.map((one) => `addr add ${one} dev eth0 nodad`),
      'link set lo up',
      'link set eth0 up',
      `route add default via ${via}`,
      `-6 route add default via ${via6}`,
    ];
    return [space, lines.map((line) => line.replace(/^-6 route/, 'route'))];
  });
  return [['root', [...root_, ...small]], ...inside];
}

function scenarioScript({ forwarding = true, mtu }, number) {
  const on = forwarding ? 1 : 0;
  const batch = mtu ? 'small' : 'usual';
  return `echo "RUN ${number}"
for s in ${SPACES.join(' ')}; do
  /bin/ip netns add $s; /bin/ip netns exec $s $b sh /quiet
done
/bin/ip -batch /${batch}-root
for s in ${SPACES.join(' ')}; do /bin/ip -n $s -batch /${batch}-$s; done
echo ${on} > /proc/sys/net/ipv4/ip_forward; echo ${on} > /proc/sys/net/ipv6/conf/all/forwarding
/veth /scenario-${number}
for s in ${SPACES.join(' ')}; do /bin/ip link del v-$s; /bin/ip netns del $s; done`;
}

const INIT = `#!/bin/busybox sh
export PATH=/bin
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
$b mount -t tmpfs run /run
for m in /modules/*; do $b insmod $m; done
/bin/ip link set lo up
$b sh /quiet
${SCENARIOS.map(scenarioScript).join('\n')}
echo DONE
$b poweroff -f
`;

/** What the guest's program reads. */
function commandsOf({ constants = {}, maps = [], attach = [], frames }) {
  const { target = 0, flags = 0, broadcast = 0 } = constants;
  const taps = SPACES.flatMap((space) => [`tap - v-${space}`, `tap ${space} eth0`]);
  const loading = attach.length > 0 ? [`load ${target} ${flags} ${broadcast}`] : [];
  const lines = [
    ...taps,
    ...loading,
    ...maps.map((words) => `map ${words.join(' ')}`),
    ...attach.map((words) => `attach ${words.join(' ')}`),
    ...frames.map(({ wait, hex }) => `send a eth0 ${wait} ${hex}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** What one run of the guest printed. */
function readRun(text, { name, frames }) {
  const errors = wordsOf(text, 'E');
  if (errors.length > 0) fail(`${name}: ${errors.map((words) => words.join(' ')).join('\n')}`);
  const packets = wordsOf(text, 'P');
  const seen = frames.map((_, i) =>
    packets
      .filter(([, number, , , hex]) => Number(number) === i && !isNoise(hex))
      .map(([, , device, way, hex]) => `${device.replace(/^-\//, '')} ${way} ${hex}`),
  );
  const numbers = (word) =>
    Object.fromEntries(
      wordsOf(text, word).map(([, device, ...rest]) => [
        device.replace(/^-\//, ''),
        rest.map(Number),
      ]),
    );
  const driver = wordsOf(text, 'D').map(([, device, what, count]) => [
    `${device.replace(/^-\//, '')} ${what}`,
    Number(count),
  ]);
  return {
    seen,
    statistics: numbers('S'),
    driver: Object.fromEntries(driver),
    marks: numbers('M'),
    refused: wordsOf(text, 'X').map(([, number, errno]) => [Number(number), Number(errno)]),
  };
}

/** Reports of multicast listeners (MLD), which come when they like, behind a hop-by-hop header. */
function isNoise(hex) {
  const behindOptions = hex.slice(40, 42) === '00';
  return hex.slice(24, 28) === '86dd' && hex.startsWith('8f', behindOptions ? 124 : 108);
}

const SMALL = 1280;

function batchFiles(name, mtu) {
  const files = batches(mtu).map(([where, lines]) => [
    `${name}-${where}`,
    { contents: `${lines.join('\n')}\n` },
  ]);
  return Object.fromEntries(files);
}

const readBefore = () => JSON.parse(gunzipSync(readFileSync(OUTPUT)).toString()).scenarios;

const console_ = runGuest({
  init: INIT,
  program: 'veth',
  cpus: 2,
  modules: ['veth'],
  files: {
    'paths.bpf.o': join(root, 'tests', 'machine', 'programs', 'paths.bpf.o'),
    quiet: { contents: `${QUIET}\n` },
    ...batchFiles('usual'),
    ...batchFiles('small', SMALL),
    ...Object.fromEntries(
      SCENARIOS.map((one, i) => [`scenario-${i}`, { contents: commandsOf(one) }]),
    ),
  },
});
const [, ...runs] = console_.split(/^RUN \d+$/m);
if (runs.length !== SCENARIOS.length || !console_.includes('DONE')) {
  fail(`the machine said:\n${console_.slice(-3000)}`);
}
const fresh = SCENARIOS.map((one, i) => ({ ...one, answers: readRun(runs[i], one) }));
const before = SCENARIOS.length === ALL.length ? [] : readBefore();
const scenarios = ALL.map(({ name }) => [...fresh, ...before].find((one) => one.name === name));
const ends = Object.fromEntries(SPACES.map((space) => [space, endsOf(space)]));
writeFileSync(OUTPUT, gzipSync(JSON.stringify({ kernel: RELEASE, ends, scenarios }), { level: 9 }));
const frames = SCENARIOS.reduce((sum, one) => sum + one.frames.length, 0);
process.stdout.write(`${OUTPUT}: ${scenarios.length} scenarios, ${frames} frames\n`);
