/** Several XDP programs at a device, by libxdp's dispatcher. `beeyard/libxdp`. */
export { type DispatchedProgram, type XdpProgramFile, XdpDispatcher } from './dispatcher.ts';
export { type XdpRunConfig, xdpRunConfig } from './run-config.ts';
