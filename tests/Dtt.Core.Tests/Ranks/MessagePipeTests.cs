using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Core.Tests.Ranks;

public sealed class MessagePipeTests
{
    [Fact]
    public async Task Receive_GivesBackWhatWasSent()
    {
        RankMessage[] messages =
        [
            new StopRequest(), new CommitAnswer(3, new CommitReply(false, "no")), new RankEvent("kind", "text with \"quotes\" and ünïcode"),
            new TrainingSample(1, 2, "Once upon a time"), new SampledText(0, "a", true, 3, 0.5), new RankFinished(9, true), new RankFailed("why", 3),
            new CommitRequest(new WrittenCheckpoint { Step = 1, Attempt = 2, ManifestSha256 = "m", WeightsSha256 = "w", SizeBytes = 3, ValLoss = 1.5 }),
            new RankStarted { FromStep = 1, Plan = new RunPlan(1, 2, 3), Fingerprint = "f", Parameters = 4, Device = "cpu" },
        ];
        var stream = new MemoryStream();
        var sender = new MessagePipe(Stream.Null, stream);
        foreach (var message in messages) await sender.SendAsync(message);
        stream.Position = 0;
        var receiver = new MessagePipe(stream, Stream.Null);
        foreach (var message in messages) Assert.Equal(message, await receiver.ReceiveAsync());
        Assert.Null(await receiver.ReceiveAsync());
    }

    [Fact]
    public async Task Receive_MetricsThatAreNotNumbers_SurviveTheWire()
    {
        var stream = new MemoryStream();
        await new MessagePipe(Stream.Null, stream).SendAsync(new MetricsReport([new StepMetrics(1, new Dictionary<string, double> { ["x"] = double.NaN })]));
        stream.Position = 0;
        var report = Assert.IsType<MetricsReport>(await new MessagePipe(stream, Stream.Null).ReceiveAsync());
        Assert.True(double.IsNaN(report.Rows[0].Values["x"]));
    }

    [Fact]
    public async Task Receive_FrameCutByADeath_CountsAsTheEnd()
    {
        var stream = new MemoryStream();
        await new MessagePipe(Stream.Null, stream).SendAsync(new RankEvent("kind", "message"));
        for (var length = 0; length < stream.Length; length++)
            Assert.Null(await new MessagePipe(new MemoryStream(stream.ToArray()[..length]), Stream.Null).ReceiveAsync());
    }

    [Fact]
    public async Task Receive_SomethingElse_IsRefused() =>
        await Assert.ThrowsAsync<InvalidDataException>(() => new MessagePipe(new MemoryStream("GET / HTTP/1.1"u8.ToArray()), Stream.Null).ReceiveAsync());
}
