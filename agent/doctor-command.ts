/**
 * `culvert agent doctor`: gathers, diagnoses, prints.
 *
 * @module
 */
import {
  addressesIn,
  answer,
  complain,
  expectMember,
  type PrintOptions,
  print,
} from './commands.ts';
import { diagnose, diagnoseLacking, formatFindings } from './doctor.ts';
import { gatherFacts } from './doctor-facts.ts';
import { loadIdentity } from './identity.ts';
import { checkPreconditions } from './kernel/preconditions.ts';
import { missingForProbes } from './kernel/probe.ts';
import { StateFile } from './state-file.ts';

/** @returns 0 when nothing fails, 1 when something does or there is nothing to examine yet */
export function doctorCommand(options: PrintOptions): Promise<number> {
  return answer(async () => {
    const { json, stateDirectory, runDirectory } = options;
    const member = expectMember(loadIdentity(stateDirectory));
    const { connectorId, urls } = member.membership;
    const { configuration } = new StateFile({ directory: stateDirectory, connectorId }).load();
    if (configuration === undefined) {
      complain('No configuration yet: the agent has to run and reach its control plane once.');
      return 1;
    }
    const controlPlaneAddresses = addressesIn(urls);
    const lacking = [...(await checkPreconditions()), ...missingForProbes()];
    const findings =
      lacking.length > 0
        ? diagnoseLacking(lacking)
        : diagnose(
            await gatherFacts({
              member,
              configuration,
              controlPlaneAddresses,
              stateDirectory,
              runDirectory,
            }),
          );
    print(json ? JSON.stringify(findings, null, 2) : formatFindings(findings));
    return findings.some(({ state }) => state === 'fail') ? 1 : 0;
  });
}
