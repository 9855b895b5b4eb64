/**
 * What must come out the same in Node and in a browser. Runs in both: no node: imports here.
 * `load` imports a built module (dist/…), `read` gives a file of the repository as bytes.
 */
const PACKETS = 3000;

export const cases = ['wasm', 'interpreter'].flatMap((engine) => [
  { name: `firewall on ${PACKETS} packets (${engine})`, engine, run: firewall },
  { name: `a fault names instruction and line (${engine})`, engine, run: fault },
]);

/** Runs one case; the result is plain JSON. */
export function runCase(one, load, read) {
  return one.run(one.engine, load, read);
}

const plain = (value) =>
  JSON.parse(JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v)));

async function firewall(engine, load, read) {
  const { createMachine } = await load('dist/index.js');
  const { readCapture } = await load('dist/tools/pcap/index.js');
  const { applyRules, parseRules } = await load('examples/firewall/rules.mjs');
  const machine = await createMachine({ engine, devices: { eth0: {} } });
  const loaded = await machine.load(await read('examples/firewall/firewall.bpf.o'));
  const rules = new TextDecoder().decode(await read('examples/firewall/firewall.rules'));
  applyRules(parseRules(rules), loaded.maps);
  loaded.programs.firewall.attach({ device: 'eth0' });
  const capture = readCapture(await read('examples/firewall/capture.pcap.gz'));
  const verdicts = {};
  for (const packet of capture.packets.slice(0, PACKETS)) {
    const { verdict } = machine.devices.eth0.receive(packet.data);
    verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
  }
  return plain({
    verdicts,
    sources: [...loaded.maps.sources].slice(0, 50),
    events: loaded.maps.drops.drain('event').length,
  });
}

async function fault(engine, load, read) {
  const { createMachine } = await load('dist/index.js');
  const machine = await createMachine({ engine, devices: { eth0: {} } });
  const { programs } = await machine.load(await read('tests/browser/fault.bpf.o'));
  try {
    programs.past_the_end.run({ data: new Uint8Array(64) });
    return {};
  } catch (error) {
    return plain({ name: error.name, kind: error.kind, insn: error.insn, message: error.message });
  }
}
