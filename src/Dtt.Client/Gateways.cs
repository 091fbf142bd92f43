using System.Net.Sockets;
using Dtt.Core.Errors;
using Dtt.Core.Platform;

namespace Dtt.Client;

/// <summary>Which nodes of a cluster can be connected to: a file that announces one outlives it when it is killed.</summary>
public static class Gateways
{
    private static readonly TimeSpan _answerTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Those whose gateway takes a connection; this machine's first, the others in any order, so that clients spread over them.</summary>
    public static async Task<IReadOnlyList<SiloAnnouncement>> FindAnsweringAsync(IReadOnlyList<SiloAnnouncement> announced, CancellationToken cancellation)
    {
        var answers = await Task.WhenAll(announced.Select(s => AnswersAsync(s, cancellation)));
        var answering = announced.Where((_, i) => answers[i]).ToArray();
        Random.Shared.Shuffle(answering);
        return [.. answering.OrderBy(s => s.Node == Environment.MachineName ? 0 : 1)];
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

    private static async Task<bool> AnswersAsync(SiloAnnouncement silo, CancellationToken cancellation)
    {
        if (!silo.MayLive) return false;
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        timeout.CancelAfter(_answerTimeout);
        try
        {
            using var probe = new TcpClient(silo.Gateway.AddressFamily);
            await probe.ConnectAsync(silo.Gateway, timeout.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            return false;
        }
    }
}
