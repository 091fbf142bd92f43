using System.Text;
using Dtt.Core.Storage;
using Dtt.Tests;

namespace Dtt.Core.Tests.Storage;

public sealed class DurableFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Replace_ByManyAtOnce_LeavesTheWholeContentOfOne()
    {
        var contents = Enumerable.Range(0, 8).Select(n => Encoding.ASCII.GetBytes(new string((char)('a' + n), 100_000 + n))).ToArray();
        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8 }, n =>
        {
            DurableFile.Replace(_folder["file"], contents[n % 8]);
            var now = File.ReadAllBytes(_folder["file"]);
            Assert.Equal(contents[now[0] - 'a'], now);
        });
        Assert.Equal([_folder["file"]], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Replace_ThatFails_KeepsTheOldContentAndLeavesNothing()
    {
        Directory.CreateDirectory(_folder["file/within"]);
        Assert.ThrowsAny<IOException>(() => DurableFile.Replace(_folder["file"], "new"u8));
        Assert.Equal([_folder["file"]], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Sweep_DeletesDraftsThatAreADayOld_AndNothingOfTheUsers()
    {
        var (young, old) = (DurableFile.DraftOf(_folder["file"]), DurableFile.DraftOf(_folder["file"]));
        foreach (var file in new[] { _folder["file"], _folder["notes.tmp"], young, old }) File.WriteAllText(file, "");
        foreach (var file in new[] { _folder["notes.tmp"], old }) File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddDays(-2));
        DurableFile.Sweep(_folder.Path);
        Assert.Equal(new[] { _folder["file"], young, _folder["notes.tmp"] }.Order(), Directory.GetFiles(_folder.Path).Order());
    }
}
