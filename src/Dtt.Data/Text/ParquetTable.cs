using Dtt.Core.Errors;
using Dtt.Core.Storage;
using ParquetSharp;

namespace Dtt.Data.Text;

/// <summary>A Parquet file, opened: its row groups and its columns.</summary>
internal sealed class ParquetTable : IDisposable
{
    private readonly ParquetFileReader _reader;
    private readonly string _file;
    private readonly long[] _starts;

    /// <summary>Reads the footer.</summary>
    /// <exception cref="BadDataException">The file is not Parquet, or its footer is damaged or lies.</exception>
    public ParquetTable(string file)
    {
        _file = file;
        _reader = Guarded("its footer", () =>
        {
            using var properties = ReaderProperties.GetDefaultReaderProperties();
            properties.EnableBufferedStream(); // a page at a time instead of a whole column of a row group
            properties.EnablePageChecksumVerification();
            return new ParquetFileReader(file, properties);
        });
        try
        {
            _starts = Guarded("its footer", () => Starts(FileSystem.Target(file).Length));
        }
        catch
        {
            _reader.Dispose();
            throw;
        }
    }

    /// <summary>Where row groups begin, in order: the file's bytes shared out by the bytes of text and numbers in each.</summary>
    public IReadOnlyList<long> RowGroupStarts => _starts;

    /// <summary>Which column holds the text.</summary>
    /// <exception cref="BadDataException">There is none, or more than one could be meant.</exception>
    public (int Number, string Name) TextColumnOf(string textField)
    {
        var columns = Guarded("its footer", Columns);
        var number = TextColumn.Find(_file, columns, textField);
        return (number, columns[number].Name);
    }

    /// <summary>Opens a row group.</summary>
    public RowGroupReader RowGroup(int number) => Guarded(PlaceOf(number), () => _reader.RowGroup(number));

    /// <summary>Does something with what the file says; what the library finds wrong is an error of the file.</summary>
    /// <exception cref="BadDataException">The file is damaged there.</exception>
    public T Guarded<T>(string place, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is ParquetException or OutOfMemoryException or OverflowException or ArgumentException)
        {
            throw Damaged(place, Reason(e), e);
        }
    }

    /// <summary>The error of a file that cannot be read at a place.</summary>
    public BadDataException Damaged(string place, string what, Exception? inner = null) =>
        new($"{_file}: the Parquet file is damaged in {place}: {what}. Copy or download the file again.", inner);

    /// <summary>A row group in words.</summary>
    public static string PlaceOf(int rowGroup) => $"row group {rowGroup}";

    /// <summary>Closes the file.</summary>
    public void Dispose() => _reader.Dispose();

    private long[] Starts(long fileBytes)
    {
        var metadata = _reader.FileMetaData;
        var (groups, rows) = (metadata.NumRowGroups, 0L);
        var sizes = new Int128[groups];
        for (var i = 0; i < groups; i++)
        {
            using var group = _reader.RowGroup(i);
            if (group.MetaData.NumRows < 0) throw new OverflowException($"row group {i} has {group.MetaData.NumRows:N0} rows");
            rows += group.MetaData.NumRows;
            sizes[i] = Math.Max(1, group.MetaData.TotalByteSize);
        }

        if (rows != metadata.NumRows) throw new OverflowException($"it tells of {metadata.NumRows:N0} rows, and its row groups have {rows:N0}");
        var (starts, before, all) = (new long[groups], (Int128)0, sizes.Aggregate((Int128)0, (sum, size) => sum + size));
        for (var i = 0; i < groups; before += sizes[i++]) starts[i] = (long)(fileBytes * before / all);
        return starts;
    }

    private List<TextColumn> Columns()
    {
        var schema = _reader.FileMetaData.Schema;
        return [.. Enumerable.Range(0, schema.NumColumns).Select(i =>
        {
            var column = schema.Column(i);
            using var path = column.Path;
            using var logical = column.LogicalType;
            var isList = column.MaxRepetitionLevel > 0;
            var isText = !isList && column.PhysicalType == PhysicalType.ByteArray
                && logical.Type is LogicalTypeEnum.None or LogicalTypeEnum.String or LogicalTypeEnum.Json or LogicalTypeEnum.Enum;
            var isUsual = isText && logical.Type == LogicalTypeEnum.String && path.ToDotString() == column.Name;
            var type = logical.Type is LogicalTypeEnum.None ? column.PhysicalType.ToString() : logical.Type.ToString();
            return new TextColumn(path.ToDotString(), isList ? $"lists of {type}" : type, isText, isUsual);
        })];
    }

    private static string Reason(Exception e) =>
        e is OutOfMemoryException ? "it asks for more memory than there is" : e.Message.ReplaceLineEndings(" ").TrimEnd('.', ' ');
}
