using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Tests;

namespace Dtt.Core.Tests.Runs;

public sealed class RunFolderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Ready_SweepsWhatEarlierAttemptsLeft_AndNothingOfThoseThatCommittedOrCameLater()
    {
        string[] names = ["step_00000010.a01", "step_00000020.a01", "step_00000020.a02", "step_00000030.a03", "notes"];
        foreach (var name in names) Directory.CreateDirectory(_folder[$"checkpoints/{name}"]);
        Assert.Empty(RunFolder.Ready(Third()));
        Assert.Equal(["notes", "step_00000010.a01", "step_00000030.a03"], Checkpoints());
    }

    [Fact]
    public void Ready_WhatCannotBeDeleted_IsSaid_AndTheNextTryDeletesIt()
    {
        Directory.CreateDirectory(_folder["checkpoints/step_00000020.a01"]);
        var trash = _folder.Write(".trash", "in the way");
        Assert.Contains(trash, Assert.Single(RunFolder.Ready(Third())));
        Assert.Equal(["step_00000020.a01"], Checkpoints());
        File.Delete(trash);
        Assert.Empty(RunFolder.Ready(Third()));
        Assert.Empty(Checkpoints());
    }

    [Fact]
    public void DeleteCheckpoints_OneThatCannotBeDeleted_KeepsNoOther()
    {
        var unmovable = new string('a', 255); // no longer name is possible, and it gets one when it is moved
        foreach (var name in new[] { unmovable, "step_00000020.a01" }) Directory.CreateDirectory(_folder[$"checkpoints/{name}"]);
        Assert.Throws<IOException>(() => RunFolder.DeleteCheckpoints(new RunLayout(_folder.Path), [unmovable, "step_00000020.a01"]));
        Assert.Equal([unmovable], Checkpoints());
    }

    [Theory]
    [InlineData("runs/.trash-r/events.jsonl")]
    [InlineData("runs/.trash-r/events.jsonl", "runs/r/config.yaml")]
    public void Delete_AfterATryThatWasCutShort_FinishesIt(params string[] files)
    {
        foreach (var file in files) _folder.Write(file, "");
        RunFolder.Delete(new RunLayout(_folder["runs/r"]));
        Assert.Empty(Directory.GetFileSystemEntries(_folder["runs"]));
    }

    private TrainSpec Third() => new()
    {
        Run = "r",
        RunFolder = _folder.Path,
        Attempt = 3,
        ConfigYaml = "name: r\n",
        TokensFolder = "",
        TokenizerFolder = "",
        GlobalBatchWindows = 0,
        ResumeFrom = [new CommittedCheckpoint { Step = 10, Attempt = 1, ManifestSha256 = "m", WeightsSha256 = "w", SizeBytes = 1 }],
    };

    private IEnumerable<string> Checkpoints() =>
        Directory.GetDirectories(_folder["checkpoints"]).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal);
}
