using System.Runtime.CompilerServices;
using Dtt.Abstractions;
using Dtt.Client;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Ranks;

namespace Dtt.Cli.Runs;

/// <summary>Work that a rank does for a command: what it says, as it says it. Ending the enumeration ends the rank.</summary>
internal static class Jobs
{
    /// <summary>Work that needs no checkpoint.</summary>
    public static IAsyncEnumerable<RankMessage> RunAsync(PlatformClient client, RankMessage work, CancellationToken cancellation) =>
        RunAsync(client, new JobRequest { Work = work, Environment = RankEnvironment.OfThisProcess() }, cancellation);

    /// <summary>Work on a committed checkpoint, which is leased for as long.</summary>
    public static IAsyncEnumerable<RankMessage> RunAsync(PlatformClient client, string run, long step, CheckpointSpec work, CancellationToken cancellation) =>
        RunAsync(client, new JobRequest { Work = work, Run = run, Step = step, Environment = RankEnvironment.OfThisProcess() }, cancellation);

    /// <exception cref="UserErrorException">The work failed.</exception>
    private static async IAsyncEnumerable<RankMessage> RunAsync(
        PlatformClient client, JobRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation, client.Lost);
        await foreach (var message in client.Grains.GetGrain<IJobGrain>(Guid.NewGuid()).RunAsync(request).Until(ending.Token))
        {
            if (message is RankFailed failed) throw new UserErrorException(failed.Message, failed.ExitCode);
            if (message is JobProgress progress) Console.Error.WriteLine(progress.Line);
            else yield return message;
        }
    }
}
