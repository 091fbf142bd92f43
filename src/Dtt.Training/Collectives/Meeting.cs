using System.Net;
using Dtt.Abstractions.Ranks;
using Dtt.Training.Ranks;

namespace Dtt.Training.Collectives;

/// <summary>How the ranks of an attempt find each other: each listens and tells its host, the host tells each where all of them are.</summary>
internal static class Meeting
{
    /// <summary>How long a rank waits for a peer: longer than any deadline of the host, which names the culprit, but not for ever.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(30);

    /// <summary>The collective of an attempt; null for a rank alone.</summary>
    /// <exception cref="PeerLostException">A peer did not come.</exception>
    public static ICollective? Join(TrainSpec spec, IRankChannel channel, BlackBox? blackBox)
    {
        if (spec.WorldSize == 1) return null;
        var listener = RingLinks.Listen(IPAddress.Parse(spec.ListenAddress));
        var endpoints = channel.Meet(listener.LocalEndPoint!.ToString()!).Select(IPEndPoint.Parse).ToList();
        return new RingCollective(RingLinks.Connect(spec.Rank, listener, endpoints, Convert.FromHexString(spec.Secret!), _patience), (begun, completed) => blackBox?.WriteCollectives(begun, completed));
    }
}
