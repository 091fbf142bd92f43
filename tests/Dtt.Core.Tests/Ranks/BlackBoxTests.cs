using Dtt.Core.Ranks;
using Dtt.Tests;

namespace Dtt.Core.Tests.Ranks;

public sealed class BlackBoxTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_SeesWhatAnotherMappingWrote()
    {
        using var host = BlackBox.Create(_folder["box"]);
        Assert.Equal((RankPhase.Init, 0L), (host.Read().Phase, host.Read().Step));
        using var rank = BlackBox.Open(_folder["box"]);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        rank.Write(RankPhase.Save, 42);
        var (phase, step, age) = host.Read();
        Assert.Equal((RankPhase.Save, 42L), (phase, step));
        Assert.InRange(age, TimeSpan.Zero, clock.Elapsed + TimeSpan.FromMilliseconds(50)); // the kernel's tick
    }

    [Fact]
    public void Read_WhileBeingWritten_NeverMixesTwoNotes()
    {
        using var host = BlackBox.Create(_folder["box"]);
        using var rank = BlackBox.Open(_folder["box"]);
        var done = false;
        var writer = new Thread(() =>
        {
            for (var i = 0L; !Volatile.Read(ref done); i++)
            {
                rank.Write(i % 2 == 0 ? RankPhase.Train : RankPhase.Save, i);
                Thread.SpinWait(500); // a rank does something between two signs
            }
        });
        writer.Start();
        for (var i = 0; i < 200_000; i++)
        {
            var (phase, step, _) = host.Read();
            if (phase != RankPhase.Init) Assert.Equal(step % 2 == 0 ? RankPhase.Train : RankPhase.Save, phase);
        }

        Volatile.Write(ref done, true);
        writer.Join();
    }

    [Fact]
    public void Open_SomethingElse_IsRefused() => Assert.Throws<InvalidDataException>(() => BlackBox.Open(_folder.Write("text", "no box")));
}
