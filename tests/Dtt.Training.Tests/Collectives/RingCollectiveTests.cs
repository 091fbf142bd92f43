using System.Net;
using System.Net.Sockets;
using Dtt.Training.Collectives;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Collectives;

public sealed class RingCollectiveTests
{
    [Theory]
    [InlineData(2, 1)]
    [InlineData(2, 200_000)]
    [InlineData(3, 130)]
    [InlineData(3, 300_001)]
    [InlineData(5, 1_000_003)]
    public void EveryOperation_GivesWhatItShould(int world, int count)
    {
        Ring.Together(world, ring =>
        {
            float[] Of(int rank) => [.. Enumerable.Range(0, count).Select(i => (i * 31 + rank * 7) % 97 - 48f)];
            var sum = Enumerable.Range(0, world).Select(Of).Aggregate((a, b) => [.. a.Zip(b, (x, y) => x + y)]);
            using var scope = NewDisposeScope();
            var all = tensor(Of(ring.Rank));
            ring.AllReduce(all);
            Assert.Equal(sum, Tiny.Values(all));

            IReadOnlyList<long> uneven = [.. Enumerable.Range(0, world).Select(r => (long)count * r * r / world / world), count];
            foreach (var cuts in new[] { ICollective.EvenCuts(count, world), uneven })
            {
                var scattered = tensor(Of(ring.Rank));
                ring.ReduceScatter(scattered, cuts);
                var mine = (int)cuts[ring.Rank]..(int)cuts[ring.Rank + 1];
                Assert.Equal(sum[mine], Tiny.Values(scattered)[mine]);
                ring.AllGather(scattered, cuts);
                Assert.Equal(sum, Tiny.Values(scattered));
            }

            var one = tensor(Of(ring.Rank));
            ring.Broadcast(one, world - 1);
            Assert.Equal(Of(world - 1), Tiny.Values(one));
            ring.Barrier();
        });
    }

    [Fact]
    public void AllReduce_OfUnroundSums_GivesAllRanksTheSameBitsEveryTime()
    {
        byte[][] Run()
        {
            var results = new byte[3][];
            Ring.Together(3, ring =>
            {
                using var scope = NewDisposeScope();
                var values = arange(100_000, dtype: ScalarType.Float32).mul(0.1f * (ring.Rank + 1)).sin();
                ring.AllReduce(values);
                results[ring.Rank] = Tiny.Bytes(values);
            });
            return results;
        }

        var (first, second) = (Run(), Run());
        Assert.All(first.Concat(second), r => Assert.Equal(first[0], r));
    }

    [Fact]
    public void Shares_CoverEverythingOnce()
    {
        foreach (var (count, world) in new[] { (0L, 2), (1L, 3), (64L, 3), (1000L, 3), (124_439_808L, 7) })
        {
            var cuts = ICollective.EvenCuts(count, world);
            Assert.Equal((world + 1, 0L, count), (cuts.Length, cuts[0], cuts[^1]));
            Assert.Equal(cuts.Order(), cuts);
            Assert.All(cuts[..^1], cut => Assert.Equal(0, cut % 64));
        }
    }

    [Fact]
    public void AllReduce_WhenAPeerIsGone_NamesIt()
    {
        var errors = new Exception?[3];
        using var noticed = new CountdownEvent(2);
        Ring.Together(3, ring =>
        {
            if (ring.Rank == 1) return; // leaves, and its connections close
            using var values = zeros(1_000_000);
            errors[ring.Rank] = Assert.Throws<PeerLostException>(() => ring.AllReduce(values));
            noticed.Signal();
            noticed.Wait(); // who leaves before the other has noticed is the one who disappeared
        });
        Assert.Equal("rank 1 disappeared", errors[2]!.Message);
    }

    [Fact]
    public void AllReduce_WhenAPeerIsSilent_NamesItAfterTheDeadline()
    {
        using var done = new ManualResetEventSlim();
        Ring.Together(2, ring =>
        {
            if (ring.Rank == 1)
            {
                done.Wait();
                return;
            }

            using var values = zeros(100);
            Assert.Equal("rank 1 sent nothing for 5 s", Assert.Throws<PeerLostException>(() => ring.AllReduce(values)).Message);
            done.Set();
        }, timeout: TimeSpan.FromSeconds(5)); // also the longest that connecting may take
    }

    [Fact]
    public async Task Connect_StrangersAndWrongSecrets_AreHungUpOn()
    {
        var listeners = Enumerable.Range(0, 2).Select(_ => RingLinks.Listen(IPAddress.Loopback)).ToArray();
        var endpoints = listeners.Select(l => (IPEndPoint)l.LocalEndPoint!).ToArray();
        using var stranger = new TcpClient();
        stranger.Connect(endpoints[0]);
        stranger.GetStream().Write(new byte[1000]);

        RingLinks Connect(int rank, Socket listener, byte[] secret, int seconds) =>
            RingLinks.Connect(rank, listener, endpoints, secret, TimeSpan.FromSeconds(seconds));

        // An impostor of rank 1 that does not know the secret.
        void Impostor() => Assert.Throws<PeerLostException>(() => Connect(1, RingLinks.Listen(IPAddress.Loopback), [9, 9], seconds: 2));
        await Task.Run(Impostor, TestContext.Current.CancellationToken);
        var ranks = Enumerable.Range(0, 2).Select(r => Task.Run(() => Connect(r, listeners[r], Ring.Secret, seconds: 30))).ToArray();
        foreach (var links in await Task.WhenAll(ranks)) links.Dispose();
    }
}
