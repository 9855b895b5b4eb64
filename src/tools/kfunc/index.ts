export { kfuncHeader } from './header.ts';
export { kfuncStub } from './stub.ts';
