using Dtt.Core.Errors;
using Dtt.Core.Platform;

namespace Dtt.Client;

/// <summary>Which nodes of a cluster can be connected to: a file that announces one outlives it when it is killed.</summary>
public static class Gateways
{
    /// <summary>Those whose gateway takes a connection; this machine's first, the others in any order, so that clients spread over them.</summary>
    public static async Task<IReadOnlyList<SiloAnnouncement>> FindAnsweringAsync(IReadOnlyList<SiloAnnouncement> announced, CancellationToken cancellation)
    {
        var answers = await Task.WhenAll(announced.Select(s => s.AnswersAsync(cancellation)));
        var answering = announced.Where((_, i) => answers[i]).ToArray();
        Random.Shared.Shuffle(answering);
        return [.. answering.OrderBy(s => s.Node == Environment.MachineName ? 0 : 1)];
    }

    /// <summary>The nodes of the platform whose database this process names; all when it names none.</summary>
    /// <exception cref="UserErrorException">The nodes have another database.</exception>
    public static IReadOnlyList<SiloAnnouncement> OfStore(PlatformFolders folders, IReadOnlyList<SiloAnnouncement> announced, string? store)
    {
        if (store is null || announced.Count == 0) return announced;
        SiloAnnouncement[] ours = [.. announced.Where(s => s.Store == store)];
        return ours.Length > 0 ? ours : throw new UserErrorException(
            $"the nodes of the cluster in {folders.ClusterFolder} keep their state in PostgreSQL at {announced[0].Store}, but {PostgresAddress.Variable} of "
            + $"this command names {store}. Unset it (a command finds the cluster by its folder), or name the cluster's.", ExitCodes.BadConfiguration);
    }

    /// <summary>The error when none does.</summary>
    public static UserErrorException NoneAnswers(PlatformFolders folders, IReadOnlyList<SiloAnnouncement> announced)
    {
        var jobs = announced.Select(s => s.Job).OfType<string>().Distinct().ToArray();
        var nodes = string.Join(", ", announced.Select(s => $"{s.Node} ({s.Gateway}{(s.Job is null ? "" : $", job {s.Job}")})"));
        var running = jobs.Length == 0 ? "look whether it is still running" : $"see `squeue -j {string.Join(',', jobs)}`";
        return new UserErrorException(
            $"no node of the cluster in {folders.ClusterFolder} answers: {(nodes.Length == 0 ? "no file there names one" : nodes)}. Its runs are safe. "
            + $"If it should be there, {running}; start it again, or, when it is gone for good, forget it with `dtt silo forget`.", ExitCodes.Requeue);
    }
}
