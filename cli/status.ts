/**
 * `culvert status`: the control plane in a few lines.
 *
 * @module
 */
import type { Command } from 'commander';
import { type ApiOptions, addApiCommand, Printer, type Surroundings } from './command.ts';

export function addStatusCommand(program: Command, surroundings: Surroundings): void {
  addApiCommand(program, 'status', {
    summary: 'Show what the control plane holds and how many connectors are well',
    examples: ['status', 'status --json'],
  }).action(async (options: ApiOptions) => {
    const status = await surroundings.client(options.config).status();
    const { active, degraded, inactive } = status.connectors;
    new Printer(surroundings, options).record(status, [
      ['version', status.version],
      ['revision', `${status.revision} of epoch ${status.epoch}`],
      ['networks', `${status.networks}`],
      ['sites', `${status.sites}`],
      ['routes', `${status.routes.approved} approved, ${status.routes.pending} pending`],
      ['connectors', `${active} active, ${degraded} degraded, ${inactive} inactive`],
    ]);
  });
}
