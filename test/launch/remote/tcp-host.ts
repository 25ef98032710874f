import { connect, type Socket } from 'node:net';
import type { Channel, ChannelEnd } from '../../../src/launch/channel.ts';
import type { Host } from '../../../src/launch/host.ts';

/** A machine behind a TCP port: what ssh does, without ssh. */
export function tcpHost(name: string, port: number, folder: string): Host {
  return {
    name,
    root: folder,
    connect: async () => socketChannel(connect({ port, host: '127.0.0.1' })),
    async close() {},
  };
}

function socketChannel(socket: Socket): Channel {
  let said = '';
  socket.on('error', (error) => {
    said = error.message;
  });
  const ended = new Promise<ChannelEnd>((resolve) => {
    socket.once('close', () => resolve({ code: null, signal: null, said }));
  });
  return { input: socket, output: socket, ended, kill: () => socket.resetAndDestroy() };
}
