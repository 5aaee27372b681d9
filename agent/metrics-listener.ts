/**
 * Serves the agent's metrics over TCP, where somebody asked for it. Without a password: it is
 * to listen on an address that only the collector reaches.
 *
 * @module
 */
import { createServer, type Server } from 'node:http';
import { type Endpoint, endpointAddress, endpointPort } from '../protocol/endpoint.ts';
import { METRICS_CONTENT_TYPE } from './metrics.ts';

/** Collectors are few; whoever else asks must not cost the gateway its memory. */
const MAX_CONNECTIONS = 20;

/** Answers `/metrics`, and nothing else. @throws {Error} when the address cannot be listened on */
export function serveMetrics(endpoint: Endpoint, metrics: () => string): Promise<Server> {
  const server = createServer((request, response) => {
    const isKnown = request.method === 'GET' && request.url === '/metrics';
    response.writeHead(isKnown ? 200 : 404, { 'content-type': METRICS_CONTENT_TYPE });
    response.end(isKnown ? metrics() : '');
  });
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(endpointPort(endpoint), endpointAddress(endpoint), () => resolve(server));
  });
}
