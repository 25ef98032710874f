import type { Reader } from './reader.ts';
import { dataReaders } from './readers/data.ts';
import { experimentReaders } from './readers/experiment.ts';
import { launchReaders } from './readers/launch.ts';
import { modelReaders } from './readers/model.ts';
import { recordReaders } from './readers/record.ts';
import { reportReaders } from './readers/report.ts';

/** Everything that reads files from outside. To add one: a row in one of these tables. */
export const readers: readonly Reader[] = [
  ...experimentReaders,
  ...modelReaders,
  ...dataReaders,
  ...recordReaders,
  ...reportReaders,
  ...launchReaders,
];
