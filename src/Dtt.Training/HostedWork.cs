using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Training.Benchmarks;
using Dtt.Training.Collectives;
using Dtt.Training.Evaluation;
using Dtt.Training.HuggingFace;
using Dtt.Training.Imports;
using Dtt.Training.Native;
using Dtt.Training.Ranks;
using Dtt.Training.Sampling;

namespace Dtt.Training;

/// <summary>The work that a host's first message asks for, and the last word about it.</summary>
internal static class HostedWork
{
    /// <summary>Does it; the exit code.</summary>
    public static int Run(PipeChannel channel)
    {
        try
        {
            channel.Send(Do(channel.Spec, channel));
            return ExitCodes.Success;
        }
        catch (PeerLostException e)
        {
            channel.Send(new RankPeerLost(e.Message));
            return ExitCodes.Requeue;
        }
        catch (UserErrorException e)
        {
            channel.Send(new RankFailed(e.Message, e.ExitCode));
            return e.ExitCode;
        }
        catch (Exception e)
        {
            channel.Send(new RankFailed(e.ToString(), ExitCodes.Failure));
            return ExitCodes.Failure;
        }
    }

    private static RankMessage Do(RankMessage spec, IRankChannel channel)
    {
        switch (spec)
        {
            case TrainSpec train:
                using (DeviceLock.Acquire(train.DeviceLock))
                using (var trainer = new Trainer(train, RunConfig.Parse(train.ConfigYaml), channel)) return trainer.Run();
            case SampleSpec sample:
                SampleWork.Run(sample, channel);
                break;
            case EvaluateSpec evaluate:
                EvaluateWork.Run(evaluate, channel);
                break;
            case WindowLossSpec losses:
                WindowLossWork.Run(losses, channel);
                break;
            case ExportSpec export:
                HuggingFaceExport.Write(export.Source!, export.Target);
                channel.Send(new ExportResult(export.Target));
                break;
            case ImportSpec import:
                channel.Send(ForeignImport.Read(import));
                break;
            case BenchSpec bench:
                new BenchWork(BenchPlan.Of(bench), channel).Run();
                break;
            default:
                throw new InvalidOperationException($"a rank cannot start with a {spec.GetType().Name}.");
        }

        return new JobDone();
    }
}
