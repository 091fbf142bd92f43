using Dtt.Training.Telemetry;
using Dtt.Training.Tests.Collectives;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Telemetry;

public sealed class StepReadbackTests
{
    private static readonly Dictionary<string, double> _noPhases = [];
    private readonly Clock _clock = new();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Read_GivesEachStepOnce_AndWhatItHadWhenItWasQueued(int lag)
    {
        using var scope = NewDisposeScope();
        using var readback = new StepReadback(CPU, lag, _clock);
        var numbers = zeros(4);
        for (var step = 1; step <= 10; step++)
        {
            numbers.copy_(tensor(new float[] { step, step % 2, step % 3, 10 * step }));
            Queue(readback, step, numbers);
            var due = readback.Read().ToList();
            Assert.Equal(step > lag ? [step - lag] : [], due.Select(s => s.Queued.Step));
            Assert.All(due, s => Assert.Equal(
                (s.Queued.Step, 10 * s.Queued.Step, s.Queued.Step % 2 == 1, s.Queued.Step % 3 > 0), (s.LossSum, s.GradNorm, s.StopRequested, s.SaveRequested)));
        }

        Assert.Equal(lag > 0, readback.HasUnread);
        Assert.Equal(Enumerable.Range(11 - lag, lag).Select(s => (long)s), readback.Read(all: true).Select(s => s.Queued.Step));
        Assert.False(readback.HasUnread);
        Assert.Empty(readback.Read(all: true));
    }

    [Fact]
    public void Seconds_OfStepsThatOverlap_AreFromTheOneBeforeToItself()
    {
        using var scope = NewDisposeScope();
        using var readback = new StepReadback(CPU, lag: 1, _clock);
        var numbers = zeros(4);
        Queue(readback, 1, numbers);         // begun at 0 s
        _clock.Seconds = 1;
        Queue(readback, 2, numbers);         // begun at 1 s, beside the first
        _clock.Seconds = 5;
        Assert.Equal(5, readback.Read().Single().Seconds);
        _clock.Seconds = 9;
        Assert.Equal(4, readback.Read(all: true).Single().Seconds);
        _clock.Seconds = 20;                 // an evaluation, which no step pays for
        Queue(readback, 3, numbers);
        _clock.Seconds = 23;
        Assert.Equal(3, readback.Read(all: true).Single().Seconds);
    }

    /// <summary>By the host's clock a step that is read with the one after it takes no time.</summary>
    [Fact]
    public void Seconds_OnAGpu_AreWhatItsClockSays()
    {
        var gpu = new StubGpu();
        using var scope = NewDisposeScope();
        using var readback = new StepReadback(CPU, lag: 1, _clock, gpu.Cuda);
        var numbers = zeros(4);
        void Step(long step, double begins, double ends)
        {
            gpu.SetTime(begins);
            readback.Begin();
            gpu.SetTime(ends);
            readback.Queue(new QueuedStep(step, LearningRate: 0.1, _noPhases), numbers);
        }

        double[] Seconds(bool all = false) => [.. readback.Read(all).Select(s => Math.Round(s.Seconds, 6))];
        Step(1, begins: 100, ends: 120);
        Assert.Empty(Seconds());
        Step(2, begins: 121, ends: 150);                                                           // while the first was under way
        Assert.Equal([0.020], Seconds());
        Step(3, begins: 150, ends: 180);
        Assert.Equal([0.030, 0.030], Seconds(all: true));                                          // a save is due
        Step(4, begins: 500, ends: 520);
        Step(5, begins: 521, ends: 540);
        Assert.Equal([0.020], Seconds());
        Assert.Equal([0.020], Seconds(all: true));
    }

    private static void Queue(StepReadback readback, long step, Tensor numbers)
    {
        readback.Begin();
        readback.Queue(new QueuedStep(step, LearningRate: 0.1, _noPhases), numbers);
    }

    private sealed class Clock : TimeProvider
    {
        public long Seconds { get; set; }

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Seconds;
    }
}
