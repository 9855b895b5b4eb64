/** Does what a plan says at a device's tcx ingress. Throws KernelError ESTALE where it is outdated. */
export function follow(plan, device, programs) {
  for (const { do: what, program: id, expectedRevision, after, before, replaces } of plan) {
    if (what === 'detach') {
      device.detach('ingress', { program: id, expectedRevision });
      continue;
    }
    const program = programs.find((one) => one.id === id);
    program.attach({
      device: device.name,
      direction: 'ingress',
      link: false,
      expectedRevision,
      ...(after === undefined ? {} : { after: { program: after } }),
      ...(before === undefined ? {} : { before: true }),
      ...(replaces === undefined ? {} : { replace: { program: replaces } }),
    });
  }
}

/** An Ethernet frame with an empty IPv4 packet. */
export function packetFrom(...source) {
  const frame = new Uint8Array(60);
  frame.set([0x08, 0x00, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17], 12);
  frame.set(source, 26);
  return frame;
}

/** The last program that ran, if it was not of the opinion that others should decide. */
export function whoDecided(events) {
  const last = events.findLast(({ kind }) => kind === 'program');
  return !last || last.verdict === 'next'
    ? 'nobody: on to the stack'
    : `${last.program.name}: ${last.verdict}`;
}
