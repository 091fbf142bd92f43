using System.Security.Cryptography;
using System.Text;
using Dtt.Core.Runs;
using Dtt.Tests;

namespace Dtt.Core.Tests.Runs;

public sealed class AdoptionTests : IDisposable
{
    private const string Home = "/platform";
    private readonly TempFolder _folder = new();

    private RunLayout Here => new(_folder["new/runs/b"]);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Of_AFolderThatStayed_ChangesNothing_AndSaysNothing()
    {
        var file = File(tokens: "new/data", tokenizer: "new/tok", Here.Folder);
        foreach (var part in new[] { "new/data", "new/tok" }) Directory.CreateDirectory(_folder[part]);
        var found = Adoption.Of(Here, file, Home);
        Assert.Equal((_folder["new/data"], _folder["new/tok"]), (found.Run.Request!.TokensFolder, found.Run.Request.TokenizerFolder));
        Assert.Empty(found.Notes);
        Assert.Empty(Adoption.Of(Here, file with { Folder = _folder["new/runs/.draft"], Home = null }, Home).Notes); // a standalone run, as it was made
        Assert.Equal([10, 20], found.Run.Record!.Checkpoints.Select(c => c.Step));
    }

    [Fact]
    public void Of_AMovedProject_FindsWhatMovedWithIt_AndTheRunTakesTheFoldersName()
    {
        var file = File(tokens: "old/data", tokenizer: "old/tok", _folder["old/runs/a"]);
        foreach (var part in new[] { "new/data", "new/tok" }) Directory.CreateDirectory(_folder[part]);
        var found = Adoption.Of(Here, file, "/other");
        Assert.Equal((_folder["new/data"], _folder["new/tok"]), (found.Run.Request!.TokensFolder, found.Run.Request.TokenizerFolder));
        Assert.Equal(_folder["new/runs/first"], found.Run.Request.InitFrom!.Folder);
        Assert.Equal("b", found.Run.Record!.Run);
        Assert.Equal([$"the run came here from {_folder["old/runs/a"]}", "it was the run of the platform in /platform"], found.Notes);
    }

    [Fact]
    public void Of_ARunThatCameAlone_TakesTheTokenizerInItsFolder_AndWhatIsStillAtItsPlace()
    {
        Directory.CreateDirectory(_folder["old/data"]);
        Directory.CreateDirectory(Here.Tokenizer);
        var found = Adoption.Of(Here, File(tokens: "old/data", tokenizer: "old/tok", _folder["old/runs/a"]), Home);
        Assert.Equal((_folder["old/data"], Here.Tokenizer), (found.Run.Request!.TokensFolder, found.Run.Request.TokenizerFolder));
    }

    [Fact]
    public void Of_CheckpointsThatAreMissingOrOther_LeavesThemOut_AndTheRunIsNotCompleteWithoutItsLast()
    {
        var file = File(tokens: "new/data", tokenizer: "new/tok", Here.Folder);
        Checkpoint(20, "changed");
        var found = Adoption.Of(Here, file, Home);
        Assert.Equal((RunState.Interrupted, 10L), (found.Run.Record!.State, found.Run.Record.Latest!.Step));
        Assert.Equal("not in the folder as they were committed, and left out: the checkpoints of step 20", Assert.Single(found.Notes));
    }

    [Fact]
    public void RunFile_IsFoundInEveryForm_AndACopySaysWhoseItIs()
    {
        var run = File(tokens: "t", tokenizer: "t", Here.Folder).Run;
        Assert.Null(RunFile.Find(Here));
        RunFile.WriteCopy(Here, run, Home);
        Assert.Equal((Here.Folder, Home), (RunFile.Find(Here)!.Folder, RunFile.FindCopy(Here)!.Home));
        System.IO.File.Move(Here.PlatformState, Here.AdoptedState);
        Assert.Equal(run.Record!.Latest, RunFile.Find(Here)!.Run.Record!.Latest);
        RunFile.Write(Here, run with { LastEvent = 7 });
        Assert.Equal((7, null), (RunFile.Find(Here)!.Run.LastEvent, RunFile.Find(Here)!.Home));
        System.IO.File.WriteAllText(Here.PlatformState, "{");
        Assert.Null(RunFile.FindCopy(Here));
    }

    /// <summary>A completed run with whole checkpoints of steps 10 and 20 that started from another run's.</summary>
    private RunFile File(string tokens, string tokenizer, string folder)
    {
        var request = RunDeciderTests.Request() with
        {
            TokensFolder = _folder[tokens],
            TokenizerFolder = _folder[tokenizer],
            InitFrom = new CheckpointPlace(Path.Combine(Path.GetDirectoryName(folder)!, "first"), "m"),
        };
        var record = new RunRecord
        {
            Version = 1,
            Run = "a",
            State = RunState.Completed,
            CreatedAt = DateTimeOffset.UnixEpoch,
            Checkpoints = [Checkpoint(10), Checkpoint(20)],
        };
        return new RunFile(RunFile.CurrentFormat, new DurableRun { Record = record, Request = request }) { Folder = folder, Home = Home };
    }

    private CommittedCheckpoint Checkpoint(long step, string manifest = "{}")
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(manifest)));
        var checkpoint = RunDeciderTests.Checkpoint(step, 1) with { ManifestSha256 = hash };
        _folder.Write($"new/runs/b/checkpoints/{checkpoint.FolderName}/manifest.json", manifest);
        return checkpoint;
    }
}
