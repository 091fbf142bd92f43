using System.Net;
using Dtt.Training.Collectives;

namespace Dtt.Training.Tests.Collectives;

internal static class Ring
{
    public static readonly byte[] Secret = [1, 2, 3];

    /// <summary>Runs one action on every rank of a ring, each on a thread of its own.</summary>
    public static void Together(int world, Action<RingCollective> action, TimeSpan? timeout = null)
    {
        var listeners = Enumerable.Range(0, world).Select(_ => RingLinks.Listen(IPAddress.Loopback)).ToArray();
        var endpoints = listeners.Select(l => (IPEndPoint)l.LocalEndPoint!).ToArray();
        var ranks = Enumerable.Range(0, world).Select(r => Task.Factory.StartNew(() =>
        {
            using var ring = new RingCollective(RingLinks.Connect(r, listeners[r], endpoints, Secret, timeout ?? TimeSpan.FromSeconds(60)));
            action(ring);
        }, TaskCreationOptions.LongRunning)).ToArray();
        Task.WhenAll(ranks).GetAwaiter().GetResult();
    }
}
