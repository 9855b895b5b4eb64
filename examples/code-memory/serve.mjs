// What demo.mjs does, for its test too.

/** A UDP or TCP packet of 64 bytes, made of a number. */
function packet(number) {
  const view = new DataView(new ArrayBuffer(64));
  view.setUint16(12, 0x0800);
  view.setUint8(14, 0x45);
  view.setUint8(23, number % 2 ? 17 : 6);
  view.setUint32(26, 0x0a000000 + ((number * 2654435761) >>> 8));
  view.setUint16(36, (number * 40503) & 0xffff);
  return new Uint8Array(view.buffer);
}

const number = (value) => Math.round(value).toLocaleString('en');

/** A line of the table: what the code memory looks like now. */
function row(what, host, took) {
  const packs = host.codeMemory().packs();
  const sum = (of) => packs.reduce((all, pack) => all + of(pack), 0);
  const programs = sum(({ chunks }) => chunks.filter(({ live }) => live).length);
  const cells = [packs.length, programs, sum((one) => one.bytes), sum((one) => one.dead), took];
  return what.padEnd(26) + cells.map((cell) => number(cell).padStart(11)).join('');
}

/**
 * Loads a filter for each tenant, gives all of them packets, and meanwhile exchanges every third
 * filter for another one; packs the rest anew. Returns lines to print. Throws if a packet is lost:
 * each must be seen by the one filter its tenant has at that moment.
 */
export async function serve({ host, isa, filterObject, tenants }) {
  const lines = [['', 'packs', 'programs', 'bytes', 'dead', 'ms']].map(
    ([first, ...rest]) => first.padEnd(26) + rest.map((text) => text.padStart(11)).join(''),
  );
  const timed = async (what, work) => {
    const start = performance.now();
    const result = await work();
    lines.push(row(what, host, performance.now() - start));
    return result;
  };
  const everyone = Array.from({ length: tenants }, (_, i) => i);
  const loaded = await timed('all filters loaded', () =>
    host.load(filterObject(isa, everyone, tenants)),
  );
  const filters = everyone.map((i) => loaded.programs[`tenant_${i}`]);
  const passed = everyone.map(() => 0n);
  const give = (tenant, k) => {
    if (filters[tenant].run({ data: packet(k) }).verdict === 'pass') passed[tenant]++;
  };
  const round = (first) => {
    for (let k = first; k < first + 32; k++) for (const tenant of everyone) give(tenant, k);
  };
  await timed('32 packets each', () => round(0));
  const { counts } = loaded.maps;
  const late = everyone.filter((tenant) => tenant % 3 === 0);
  await timed('a third exchanged', async () => {
    const next = await host.load(filterObject(isa, late, tenants, 1), { maps: { counts } });
    for (const [k, tenant] of late.entries()) {
      give(tenant, k);
      filters[tenant].kernelProgram.close();
      filters[tenant] = next.programs[`tenant_${tenant}`];
      give(tenant, k);
    }
  });
  const old = new Set(filters);
  const { moved, freed } = await timed('packed anew', () =>
    host.codeMemory().recompact({ waste: 0.2 }),
  );
  if (filters.some((filter) => !old.has(filter))) throw new Error('programs are other ones now');
  await timed('32 packets each', () => round(32));
  const total = passed.reduce((sum, one) => sum + one, 0n);
  const lost = everyone.filter((tenant) => counts.get(tenant) !== passed[tenant]).length;
  lines.push('', `${number(moved)} programs moved, ${number(freed)} bytes given back`);
  lines.push(`${total} packets passed; counters of ${lost} tenants differ from the verdicts`);
  if (lost > 0) throw new Error('a packet was lost');
  return lines;
}
